//! Signals of national telephone networks (ITU-T E.180 supplement 2) as data.
//!
//! A cadence is a list of pieces, each up to two frequencies and a length; the list is repeated. A modulated tone is
//! given as the two frequencies its product consists of (400 Hz modulated with 25 Hz: 375 and 425).

use std::str::FromStr;

/// Two frequencies in Hz (0 for none; none at all is silence) and a length in ms (0 for ever).
pub(crate) type Piece = (u16, u16, u16);

/// A cadence.
pub(crate) type Cadence = &'static [Piece];

/// The signals of one country.
#[derive(Debug)]
pub(crate) struct CountryTones {
    code: &'static str,
    pub(crate) dial: Cadence,
    pub(crate) ringback: Cadence,
    pub(crate) busy: Cadence,
    pub(crate) congestion: Cadence,
}

/// A country whose signals are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country(usize);

impl Country {
    /// Return every ISO 3166 code that is known, in lower case.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        COUNTRIES.iter().map(|country| country.code)
    }

    pub(crate) fn tones(self) -> &'static CountryTones {
        &COUNTRIES[self.0]
    }
}

impl Default for Country {
    /// The signals E.180 recommends, which Germany uses.
    fn default() -> Self {
        Self(0)
    }
}

impl FromStr for Country {
    type Err = ();

    /// Find a country by its ISO 3166 code of two letters.
    fn from_str(code: &str) -> Result<Self, ()> {
        COUNTRIES.iter().position(|country| country.code.eq_ignore_ascii_case(code)).map(Self).ok_or(())
    }
}

/// The call cannot be completed, and an announcement may follow (E.180 section 6).
pub(crate) const SPECIAL_INFORMATION: Cadence = &[(950, 0, 330), (1400, 0, 330), (1800, 0, 330), (0, 0, 1000)];

const fn tones(
    code: &'static str,
    dial: Cadence,
    ringback: Cadence,
    busy: Cadence,
    congestion: Cadence,
) -> CountryTones {
    CountryTones { code, dial, ringback, busy, congestion }
}

const NORTH_AMERICA: [Cadence; 4] = [
    &[(350, 440, 0)],
    &[(440, 480, 2000), (0, 0, 4000)],
    &[(480, 620, 500), (0, 0, 500)],
    &[(480, 620, 250), (0, 0, 250)],
];

/// The first one is the default.
const COUNTRIES: &[CountryTones] = &[
    tones(
        "de",
        &[(425, 0, 0)],
        &[(425, 0, 1000), (0, 0, 4000)],
        &[(425, 0, 480), (0, 0, 480)],
        &[(425, 0, 240), (0, 0, 240)],
    ),
    tones("us", NORTH_AMERICA[0], NORTH_AMERICA[1], NORTH_AMERICA[2], NORTH_AMERICA[3]),
    tones("ca", NORTH_AMERICA[0], NORTH_AMERICA[1], NORTH_AMERICA[2], NORTH_AMERICA[3]),
    tones(
        "gb",
        &[(350, 440, 0)],
        &[(400, 450, 400), (0, 0, 200), (400, 450, 400), (0, 0, 2000)],
        &[(400, 0, 375), (0, 0, 375)],
        &[(400, 0, 400), (0, 0, 350), (400, 0, 225), (0, 0, 525)],
    ),
    tones(
        "fr",
        &[(440, 0, 0)],
        &[(440, 0, 1500), (0, 0, 3500)],
        &[(440, 0, 500), (0, 0, 500)],
        &[(440, 0, 250), (0, 0, 250)],
    ),
    tones(
        "it",
        &[(425, 0, 200), (0, 0, 200), (425, 0, 600), (0, 0, 1000)],
        &[(425, 0, 1000), (0, 0, 4000)],
        &[(425, 0, 500), (0, 0, 500)],
        &[(425, 0, 200), (0, 0, 200)],
    ),
    tones(
        "es",
        &[(425, 0, 0)],
        &[(425, 0, 1500), (0, 0, 3000)],
        &[(425, 0, 200), (0, 0, 200)],
        &[(425, 0, 200), (0, 0, 200), (425, 0, 200), (0, 0, 200), (425, 0, 200), (0, 0, 600)],
    ),
    tones(
        "in",
        &[(375, 425, 0)],
        &[(375, 425, 400), (0, 0, 200), (375, 425, 400), (0, 0, 2000)],
        &[(400, 0, 750), (0, 0, 750)],
        &[(400, 0, 250), (0, 0, 250)],
    ),
    tones(
        "au",
        &[(413, 438, 0)],
        &[(383, 417, 400), (0, 0, 200), (383, 417, 400), (0, 0, 2000)],
        &[(425, 0, 375), (0, 0, 375)],
        &[(425, 0, 375), (0, 0, 375)],
    ),
    tones(
        "jp",
        &[(400, 0, 0)],
        &[(384, 416, 1000), (0, 0, 2000)],
        &[(400, 0, 500), (0, 0, 500)],
        &[(400, 0, 500), (0, 0, 500)],
    ),
    tones(
        "br",
        &[(425, 0, 0)],
        &[(425, 0, 1000), (0, 0, 4000)],
        &[(425, 0, 250), (0, 0, 250)],
        &[(425, 0, 250), (0, 0, 250), (425, 0, 750), (0, 0, 250)],
    ),
    tones(
        "nl",
        &[(425, 0, 0)],
        &[(425, 0, 1000), (0, 0, 4000)],
        &[(425, 0, 500), (0, 0, 500)],
        &[(425, 0, 250), (0, 0, 250)],
    ),
    tones(
        "ch",
        &[(425, 0, 0)],
        &[(425, 0, 1000), (0, 0, 4000)],
        &[(425, 0, 500), (0, 0, 500)],
        &[(425, 0, 200), (0, 0, 200)],
    ),
    tones(
        "at",
        &[(420, 0, 0)],
        &[(420, 0, 1000), (0, 0, 5000)],
        &[(420, 0, 400), (0, 0, 400)],
        &[(420, 0, 200), (0, 0, 200)],
    ),
    tones(
        "be",
        &[(425, 0, 0)],
        &[(425, 0, 1000), (0, 0, 3000)],
        &[(425, 0, 500), (0, 0, 500)],
        &[(425, 0, 167), (0, 0, 167)],
    ),
    tones(
        "pl",
        &[(425, 0, 0)],
        &[(425, 0, 1000), (0, 0, 4000)],
        &[(425, 0, 500), (0, 0, 500)],
        &[(425, 0, 500), (0, 0, 500)],
    ),
    tones(
        "se",
        &[(425, 0, 0)],
        &[(425, 0, 1000), (0, 0, 5000)],
        &[(425, 0, 250), (0, 0, 250)],
        &[(425, 0, 250), (0, 0, 750)],
    ),
];
