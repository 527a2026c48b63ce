//! Writing messages.
//!
//! There is one way to write a header value, and it cannot end a line: CR, LF and NUL become spaces. So no text from
//! a customer, a carrier or the journal can add a header of its own.

use bytes::Bytes;

use super::Method;

/// A message being written.
#[derive(Debug)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    /// Start a request.
    pub(crate) fn request(method: Method, uri: &[u8]) -> Self {
        let mut writer = Self(Vec::with_capacity(1024));
        writer.0.extend_from_slice(method.as_str().as_bytes());
        writer.0.push(b' ');
        writer.push_safe(uri);
        writer.0.extend_from_slice(b" SIP/2.0\r\n");
        writer
    }

    /// Start a response.
    pub(crate) fn response(code: u16, phrase: &str) -> Self {
        let mut writer = Self(Vec::with_capacity(1024));
        writer.0.extend_from_slice(format!("SIP/2.0 {code} ").as_bytes());
        writer.push_safe(phrase.as_bytes());
        writer.0.extend_from_slice(b"\r\n");
        writer
    }

    /// Start with nothing, to write lines for later.
    pub(super) fn empty() -> Self {
        Self(Vec::with_capacity(512))
    }

    /// The lines written so far.
    pub(super) fn into_lines(self) -> Vec<u8> {
        self.0
    }

    /// Add a header.
    pub(crate) fn header(&mut self, name: &str, value: impl AsRef<[u8]>) -> &mut Self {
        self.push_safe(name.as_bytes());
        self.0.extend_from_slice(b": ");
        self.push_safe(value.as_ref());
        self.0.extend_from_slice(b"\r\n");
        self
    }

    /// Add lines that this module wrote before.
    pub(super) fn raw(&mut self, lines: &[u8]) -> &mut Self {
        self.0.extend_from_slice(lines);
        self
    }

    /// Close the headers and add the body.
    pub(crate) fn finish(mut self, body: Option<(&str, &[u8])>) -> Bytes {
        if let Some((content_type, _)) = body {
            self.header("Content-Type", content_type);
        }
        let content = body.map(|(_, content)| content).unwrap_or_default();
        self.header("Content-Length", content.len().to_string());
        self.0.extend_from_slice(b"\r\n");
        self.0.extend_from_slice(content);
        Bytes::from(self.0)
    }

    fn push_safe(&mut self, value: &[u8]) {
        if is_safe_value(value) {
            self.0.extend_from_slice(value);
        } else {
            self.0.extend(value.iter().map(|byte| if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { *byte }));
        }
    }
}

/// Whether a value holds nothing that could end a line.
pub(crate) fn is_safe_value(value: &[u8]) -> bool {
    !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

/// RFC 3261 section 25.1 `token`, at least one character.
pub(crate) fn is_token(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_end_its_line() {
        let mut writer = Writer::request(Method::Bye, b"sip:a@b\r\nX: y");
        writer.header("Subject", "a\r\nEvil: 1");

        let message = writer.finish(None);

        assert_eq!(
            super::super::text(&message),
            "BYE sip:a@b  X: y SIP/2.0\r\nSubject: a  Evil: 1\r\nContent-Length: 0\r\n\r\n"
        );
    }
}
