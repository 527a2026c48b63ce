//! Samples: G.711, tones, WAV files, change of sample rate, covering of losses. Knows no packet and no leg.

pub(crate) mod activity;
pub(crate) mod beep;
pub(crate) mod conceal;
pub(crate) mod country_tones;
pub(crate) mod frame;
pub(crate) mod g711;
pub(crate) mod halfband;
pub(crate) mod noise;
pub(crate) mod resample;
pub(crate) mod tone;
pub(crate) mod wav;
