//! Numbers as the page writes them.

/// Bytes in the unit that suits them: `640 KB`, `98.2 MB`.
pub(crate) fn bytes(count: f64) -> String {
    match count {
        c if c >= 1e9 => format!("{:.2} GB", c / 1e9),
        c if c >= 1e8 => format!("{:.0} MB", c / 1e6),
        c if c >= 1e6 => format!("{:.1} MB", c / 1e6),
        c => format!("{:.0} KB", c / 1e3),
    }
}

/// A count of parameters: `0.57 M`, `135 M`, `1.5 B`.
pub(crate) fn parameters(count: f64) -> String {
    match count {
        c if c >= 1e9 => format!("{:.1} B", c / 1e9),
        c if c >= 1e7 => format!("{:.0} M", c / 1e6),
        c => format!("{:.2} M", c / 1e6),
    }
}

/// Seconds with as many decimals as tell something.
pub(crate) fn seconds(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v if v >= 0.1 => format!("{v:.2}"),
        v => format!("{v:.3}"),
    }
}

/// A stretch of time as minutes and seconds: `2:05`.
pub(crate) fn clock(value: f64) -> String {
    let whole = value.max(0.0) as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

/// A rate: `412`, `8.4`.
pub(crate) fn rate(value: f64) -> String {
    if value >= 20.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// A share as a percentage: `86 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// A reward, without decimals where it has none: `2`, `1.93`.
pub(crate) fn reward(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// With its sign, two decimals and a true minus: `+0.72`, `−1.05`, `0.00`.
pub(crate) fn signed(value: f64) -> String {
    let text = format!("{:.2}", value.abs());
    match text.trim_matches(['0', '.']).is_empty() {
        true => "0.00".to_owned(),
        false if value < 0.0 => format!("\u{2212}{text}"),
        false => format!("+{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!(bytes(640_000.0), "640 KB");
        assert_eq!(bytes(98_200_000.0), "98.2 MB");
        assert_eq!(parameters(570_000.0), "0.57 M");
        assert_eq!(parameters(134_515_008.0), "135 M");
        assert_eq!(seconds(0.0041), "0.004");
        assert_eq!(seconds(0.41), "0.41");
        assert_eq!(clock(125.9), "2:05");
        assert_eq!(reward(2.0), "2");
        assert_eq!(reward(0.9333), "0.93");
        assert_eq!(signed(-0.001), "0.00");
        assert_eq!(signed(-1.05), "\u{2212}1.05");
        assert_eq!(signed(0.5), "+0.50");
    }
}
