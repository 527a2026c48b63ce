//! How values look in a Python `repr`.

/// Text, quoted as Python would.
pub(crate) fn python_repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if c == quote => {
                out.push('\\');
                out.push(c);
            }
            _ if c.is_control() => out.extend(format!("\\x{:02x}", u32::from(c)).chars()),
            _ => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// A field of an event as it stands in the event's `repr`.
pub(crate) trait Shown {
    /// Python source of the value.
    fn shown(&self) -> String;
}

impl Shown for String {
    fn shown(&self) -> String {
        python_repr(self)
    }
}

impl Shown for bool {
    fn shown(&self) -> String {
        if *self { "True".to_owned() } else { "False".to_owned() }
    }
}

macro_rules! shown_numbers {
    ($($kind:ty),*) => {$(
        impl Shown for $kind {
            fn shown(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
shown_numbers!(u8, u16, u32, u64);

impl Shown for f64 {
    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "None".to_owned(), Shown::shown)
    }
}

impl Shown for Vec<(String, String)> {
    fn shown(&self) -> String {
        let pairs: Vec<String> =
            self.iter().map(|(name, value)| format!("({}, {})", python_repr(name), python_repr(value))).collect();
        format!("[{}]", pairs.join(", "))
    }
}

impl Shown for Vec<u8> {
    fn shown(&self) -> String {
        let text: String = self.iter().flat_map(|byte| std::ascii::escape_default(*byte)).map(char::from).collect();
        // `escape_default` also escapes the double quote, which Python's own repr would not: still valid source.
        format!("b'{text}'")
    }
}
