//! What must hold for every message a user agent sends.

/// Lines end properly, nothing ends a line early, the length is right. `description` is for the panic.
pub(crate) fn check_sent(bytes: &[u8]) {
    let text = || String::from_utf8_lossy(bytes).into_owned();
    let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else {
        panic!("sent without an end of the headers:\n{}", text())
    };
    let head = &bytes[..end];
    for (at, byte) in head.iter().enumerate() {
        let next_is_feed = head.get(at + 1) == Some(&b'\n');
        let after_return = at > 0 && head[at - 1] == b'\r';
        let broken = match byte {
            0 => true,
            b'\r' => !next_is_feed,
            b'\n' => !after_return,
            _ => false,
        };
        assert!(!broken, "a control character inside a line was sent:\n{}", text());
    }
    let mut lengths = head.split(|byte| *byte == b'\n').filter_map(|line| {
        let line = line.trim_ascii();
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':')?);
        name.eq_ignore_ascii_case(b"content-length").then(|| value[1..].trim_ascii().to_vec())
    });
    let wanted = (bytes.len() - end - 4).to_string().into_bytes();
    assert_eq!((lengths.next(), lengths.next()), (Some(wanted), None), "the length sent is wrong:\n{}", text());
}
