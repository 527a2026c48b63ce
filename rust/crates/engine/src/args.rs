//! Checks of what Python passes, with messages for people. Nothing here knows the state of a call.

use std::path::PathBuf;
use std::time::Duration;

use ringback_media::{Country, MachineRules, ToneName};

use crate::command::{Gather, Operation};
use crate::config::in_range;
use crate::error::EngineError;

type Checked<T> = Result<T, EngineError>;

const MAX_HEADERS: usize = 20;
const MAX_URI_BYTES: usize = 512;
const MAX_TOKEN_BYTES: usize = 128;
const MAX_VALUE_BYTES: usize = 1024;
/// A signed token with its parameters (RFC 8224) is longer than any other header.
const MAX_IDENTITY_BYTES: usize = 8192;
const MAX_FILES: usize = 100;
const MAX_DIGITS: i64 = 64;
const DAY_MS: i64 = 86_400_000;

/// Headers the engine writes itself; a second one would break the message or the dialog.
const OWN_HEADERS: &[&str] = &[
    "accept",
    "allow",
    "authorization",
    "c",
    "call-id",
    "contact",
    "content-encoding",
    "content-length",
    "content-type",
    "cseq",
    "e",
    "f",
    "from",
    "i",
    "k",
    "l",
    "m",
    "max-forwards",
    "min-se",
    "proxy-authorization",
    "proxy-require",
    "rack",
    "record-route",
    "replaces",
    "require",
    "route",
    "rseq",
    "session-expires",
    "supported",
    "t",
    "to",
    "user-agent",
    "v",
    "via",
    "x",
];

/// A SIP URI as it goes between angle brackets.
pub(crate) fn sip_uri(name: &'static str, text: &str) -> Checked<()> {
    let wrong =
        |why: &str| EngineError::argument(name, format!("{text:?} is not a SIP URI like sip:+49301234@host: {why}"));
    if text.len() > MAX_URI_BYTES {
        return Err(EngineError::argument(name, format!("is longer than {MAX_URI_BYTES} bytes")));
    }
    let scheme = text.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("sip:"));
    let rest = match scheme {
        Some(_) => &text[4..],
        None => return Err(wrong("it must begin with sip:")),
    };
    if !rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&byte)) {
        return Err(wrong("it has spaces, quotes or characters outside ASCII; escape them with %"));
    }
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([';', '?']).next().unwrap_or_default();
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if host.is_empty() || host.starts_with(':') || !host.bytes().all(is_host) {
        return Err(wrong("it has no host"));
    }
    Ok(())
}

/// Characters of RFC 3261 `token`.
pub(crate) fn token(name: &'static str, text: &str) -> Checked<()> {
    if text.is_empty() || text.len() > MAX_TOKEN_BYTES || !text.bytes().all(is_token) {
        return Err(EngineError::argument(
            name,
            format!("must be 1 to {MAX_TOKEN_BYTES} characters out of letters, digits and -.!%*_+`'~"),
        ));
    }
    Ok(())
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte)
}

/// One line of text for a header.
pub(crate) fn line(name: &'static str, text: &str) -> Checked<()> {
    line_of(name, text, MAX_VALUE_BYTES)
}

fn line_of(name: &'static str, text: &str, most: usize) -> Checked<()> {
    if text.len() > most || text.chars().any(char::is_control) {
        return Err(EngineError::argument(
            name,
            format!("must be one line of at most {most} bytes without control characters"),
        ));
    }
    Ok(())
}

/// Extra headers of an INVITE.
pub(crate) fn headers(headers: &[(String, String)]) -> Checked<()> {
    if headers.len() > MAX_HEADERS {
        return Err(EngineError::argument("headers", format!("{} are more than {MAX_HEADERS}", headers.len())));
    }
    for (name, value) in headers {
        if name.is_empty() || name.len() > MAX_TOKEN_BYTES || !name.bytes().all(is_token) {
            return Err(EngineError::argument("headers", format!("{name:?} is no header name")));
        }
        if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(EngineError::argument("headers", format!("{name} is written by the engine itself")));
        }
        let most = if name.eq_ignore_ascii_case("identity") { MAX_IDENTITY_BYTES } else { MAX_VALUE_BYTES };
        line_of("headers", value, most)?;
    }
    Ok(())
}

/// A Q.850 cause.
pub(crate) fn q850(value: Option<i64>) -> Checked<Option<u8>> {
    value.map(|value| in_range("q850", value, 1, 127).map(number)).transpose()
}

/// A final response that refuses.
pub(crate) fn refusal_code(value: i64) -> Checked<u16> {
    in_range("code", value, 400, 699).map(number)
}

/// A checked number as the type it fits into.
pub(crate) fn number<T: TryFrom<i64> + Default>(checked: i64) -> T {
    T::try_from(checked).unwrap_or_default()
}

/// Milliseconds in a range.
pub(crate) fn milliseconds(name: &'static str, value: i64, low: i64, high: i64) -> Checked<Duration> {
    Ok(Duration::from_millis(number(in_range(name, value, low, high)?)))
}

/// Arguments of `play`.
pub fn play(files: Vec<String>, loop_count: i64, barge_in: bool, gain_db: f64) -> Checked<Operation> {
    if files.is_empty() {
        return Err(EngineError::argument("files", "must name at least one file"));
    }
    let loop_count = number(in_range("loop", loop_count, 0, 100_000)?);
    if !(-40.0..=12.0).contains(&gain_db) {
        return Err(EngineError::argument("gain_db", format!("{gain_db} is outside -40 to 12")));
    }
    Ok(Operation::Play { files: paths(files)?, loop_count, barge_in, gain_db })
}

/// Arguments of `gather`, as Python gives them.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct GatherArgs {
    pub files: Vec<String>,
    pub min_digits: i64,
    pub max_digits: i64,
    pub terminators: String,
    pub first_timeout_ms: i64,
    pub inter_timeout_ms: i64,
    pub barge_in: bool,
}

/// Check them.
pub fn gather(args: GatherArgs) -> Checked<Operation> {
    let max_digits = in_range("max_digits", args.max_digits, 1, MAX_DIGITS)?;
    let min_digits = in_range("min_digits", args.min_digits, 0, max_digits)?;
    if args.terminators.len() > 16 || !args.terminators.chars().all(is_digit) {
        return Err(EngineError::argument("terminators", "must be at most 16 digits out of 0-9*#A-D"));
    }
    Ok(Operation::Gather(Gather {
        files: paths(args.files)?,
        min_digits: number(min_digits),
        max_digits: number(max_digits),
        terminators: args.terminators,
        first_timeout: milliseconds("first_timeout_ms", args.first_timeout_ms, 0, DAY_MS)?,
        inter_timeout: milliseconds("inter_timeout_ms", args.inter_timeout_ms, 0, DAY_MS)?,
        barge_in: args.barge_in,
    }))
}

/// Arguments of `record`.
pub fn record(path: String, stereo: bool, max_ms: i64, silence_stop_ms: i64) -> Checked<Operation> {
    let max = milliseconds("max_ms", max_ms, 1, DAY_MS)?;
    let silence_stop = milliseconds("silence_stop_ms", silence_stop_ms, 0, DAY_MS)?;
    let silence_stop = (!silence_stop.is_zero()).then_some(silence_stop);
    Ok(Operation::Record { path: one_path("path", path)?, stereo, max, silence_stop })
}

/// Arguments of `tone`.
pub fn tone(name: &str, country: Country, duration_ms: i64) -> Checked<Operation> {
    let name = name.parse::<ToneName>().map_err(|()| {
        let problem = format!("{name:?} is not one of dial, ringback, busy, congestion, special_information, beep");
        EngineError::argument("name", problem)
    })?;
    let duration = milliseconds("duration_ms", duration_ms, 0, DAY_MS)?;
    Ok(Operation::Tone { name, country, duration: (!duration.is_zero()).then_some(duration) })
}

/// A country whose tones are known, by its code of two letters.
pub(crate) fn country(name: &'static str, code: &str) -> Checked<Country> {
    code.parse().map_err(|()| {
        let known: Vec<&str> = Country::codes().collect();
        EngineError::argument(name, format!("the tones of {code:?} are not known, but those of {}", known.join(", ")))
    })
}

/// Arguments of `detect_machine`, as Python gives them.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct MachineArgs {
    pub initial_silence_ms: i64,
    pub greeting_ms: i64,
    pub after_silence_ms: i64,
    pub max_words: i64,
    pub total_ms: i64,
    pub beep_timeout_ms: i64,
}

/// Check them.
pub fn detect_machine(args: MachineArgs) -> Checked<Operation> {
    let rules = MachineRules {
        initial_silence_ms: number(in_range("initial_silence_ms", args.initial_silence_ms, 500, 15_000)?),
        greeting_ms: number(in_range("greeting_ms", args.greeting_ms, 500, 10_000)?),
        after_silence_ms: number(in_range("after_silence_ms", args.after_silence_ms, 200, 5000)?),
        max_words: number(in_range("max_words", args.max_words, 1, 20)?),
        total_ms: number(in_range("total_ms", args.total_ms, 1000, 60_000)?),
        beep_ms: number(in_range("beep_timeout_ms", args.beep_timeout_ms, 0, 120_000)?),
        ..MachineRules::default()
    };
    Ok(Operation::DetectMachine { rules })
}

/// Arguments of `send_dtmf`.
pub fn send_dtmf(digits: &str, tone_ms: i64, gap_ms: i64) -> Checked<Operation> {
    let valid = digits.chars().all(|digit| is_digit(digit) || digit == ',');
    if digits.is_empty() || digits.len() > number(MAX_DIGITS) || !valid {
        let problem = format!("must be 1 to {MAX_DIGITS} characters out of 0-9*#A-D and the comma");
        return Err(EngineError::argument("digits", problem));
    }
    let tone = milliseconds("tone_ms", tone_ms, 40, 5000)?;
    let gap = milliseconds("gap_ms", gap_ms, 20, 5000)?;
    Ok(Operation::SendDtmf { digits: digits.to_ascii_uppercase(), tone, gap })
}

fn is_digit(digit: char) -> bool {
    digit.is_ascii_digit() || matches!(digit, '*' | '#' | 'A'..='D' | 'a'..='d')
}

fn paths(files: Vec<String>) -> Checked<Vec<PathBuf>> {
    if files.len() > MAX_FILES {
        return Err(EngineError::argument("files", format!("{} are more than {MAX_FILES}", files.len())));
    }
    files.into_iter().map(|file| one_path("files", file)).collect()
}

fn one_path(name: &'static str, path: String) -> Checked<PathBuf> {
    if path.is_empty() || path.len() > 4096 || path.contains('\0') {
        return Err(EngineError::argument(name, "must be a path of 1 to 4096 bytes without zero bytes"));
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_carriers_use_are_taken_and_injections_refused() {
        for good in
            ["sip:+49301234@10.0.0.1", "sip:100%23@h:5060;transport=udp", "SIP:h", "sip:+1;npdi;rn=+2@[2001:db8::1]:5"]
        {
            assert_eq!(sip_uri("to", good), Ok(()), "{good}");
        }
        for bad in
            ["", "tel:+49", "sip:", "sip:a@", "sip:a@h\r\nX: y", "sip:a b@h", "sip:a@h>", "sip:\u{e4}@h", "sip:@:5060"]
        {
            assert!(sip_uri("to", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn messages_name_the_argument_and_its_range() {
        let texts = [
            refusal_code(200).unwrap_err().to_string(),
            q850(Some(128)).unwrap_err().to_string(),
            play(vec!["a.wav".into()], 1, false, 13.0).unwrap_err().to_string(),
            record("x".into(), true, 0, 0).unwrap_err().to_string(),
        ];

        assert_eq!(texts[0], "code: 200 is outside 400 to 699");
        assert_eq!(texts[1], "q850: 128 is outside 1 to 127");
        assert_eq!(texts[2], "gain_db: 13 is outside -40 to 12");
        assert_eq!(texts[3], "max_ms: 0 is outside 1 to 86400000");
    }

    #[test]
    fn headers_of_the_engine_and_line_breaks_are_refused() {
        let one = |name: &str, value: &str| headers(&[(name.to_owned(), value.to_owned())]);

        assert_eq!(one("X-Account", "7"), Ok(()));
        assert!(one("Via", "x").is_err());
        assert!(one("v", "x").is_err());
        assert!(one("X-A", "b\r\nVia: c").is_err());
        assert!(one("X A", "b").is_err());
        assert_eq!(one("identity", &"x".repeat(8192)), Ok(()));
        assert!(one("Identity", &"x".repeat(8193)).is_err());
        assert!(one("X-Identity", &"x".repeat(1025)).is_err());
        assert!(headers(&vec![("X-A".to_owned(), String::new()); 21]).is_err());
    }

    #[test]
    fn gather_keeps_minimum_below_maximum() {
        let args = |min_digits, max_digits| GatherArgs {
            files: vec![],
            min_digits,
            max_digits,
            terminators: "#".into(),
            first_timeout_ms: 1,
            inter_timeout_ms: 1,
            barge_in: true,
        };

        assert!(gather(args(0, 4)).is_ok());
        assert!(gather(args(5, 4)).is_err());
        assert!(gather(args(1, 65)).is_err());
    }
}
