//! What media counts.

/// Counters since start and gauges, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaCounters {
    /// Name and value, e.g. `media_legs`, `media_ports_used`, `dropped_rtp_foreign`, `tick_late_p99_us`.
    pub values: Vec<(&'static str, u64)>,
}

impl MediaCounters {
    /// Return the value of `name`, 0 if there is none of that name.
    pub fn get(&self, name: &str) -> u64 {
        self.values.iter().find(|(known, _)| *known == name).map_or(0, |(_, value)| *value)
    }
}
