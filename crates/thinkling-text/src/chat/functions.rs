//! What transformers adds to Jinja: `raise_exception`, `strftime_now`, and its own `tojson`.

use std::fmt;
use std::io;

use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, Error, ErrorKind};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

use crate::error::TextError;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// A day, given by the caller since this crate has no clock. The time of day is midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// Year, such as 2025.
    pub year: u16,
    /// Month from 1 to 12.
    pub month: u8,
    /// Day of the month from 1 to 31.
    pub day: u8,
}

impl Date {
    /// The date as Python's `strftime` writes it in the C locale, or the directive that is not
    /// known here.
    fn strftime(self, format: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let mut directive = chars.next().unwrap_or_default();
            let unpadded = directive == '-';
            if unpadded {
                directive = chars.next().unwrap_or_default();
            }
            let number = |value: u16, width: usize| match unpadded {
                true => value.to_string(),
                false => format!("{value:0width$}"),
            };
            let month = MONTHS.get(usize::from(self.month.wrapping_sub(1))).copied().unwrap_or("?");
            out.push_str(&match directive {
                'Y' => self.year.to_string(),
                'y' => number(self.year % 100, 2),
                'm' => number(self.month.into(), 2),
                'd' => number(self.day.into(), 2),
                'e' => format!("{:2}", self.day),
                'j' => number(self.day_of_year(), 3),
                'B' => month.to_owned(),
                'b' | 'h' => month.chars().take(3).collect(),
                'A' => self.weekday().to_owned(),
                'a' => self.weekday().chars().take(3).collect(),
                'F' => format!("{:04}-{:02}-{:02}", self.year, self.month, self.day),
                'H' | 'M' | 'S' => number(0, 2),
                '%' => "%".to_owned(),
                other => return Err(format!("%{other}")),
            });
        }
        Ok(out)
    }

    fn day_of_year(self) -> u16 {
        const BEFORE: [u16; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let divides = |years: u16| self.year.is_multiple_of(years);
        let leap = divides(4) && (!divides(100) || divides(400));
        let month = BEFORE.get(usize::from(self.month.wrapping_sub(1))).copied().unwrap_or(0);
        month + u16::from(self.day) + u16::from(leap && self.month > 2)
    }

    fn weekday(self) -> &'static str {
        // Days since Monday, 1 January of the year 1 of the Gregorian calendar.
        let years = u32::from(self.year.saturating_sub(1));
        let days = years * 365 + years / 4 - years / 100 + years / 400;
        let day = days + u32::from(self.day_of_year().saturating_sub(1));
        DAYS[(day % 7) as usize]
    }
}

/// Adds the functions that need nothing from outside.
pub(super) fn add(environment: &mut Environment<'static>) {
    environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
        let refusal = Refusal(message);
        Err(Error::new(ErrorKind::InvalidOperation, "refused").with_source(refusal))
    });
    environment.add_filter("tojson", tojson);
}

/// Adds `strftime_now` for a fixed date.
pub(super) fn add_date(environment: &mut Environment<'static>, date: Date) {
    environment.add_function("strftime_now", move |format: String| {
        date.strftime(&format).map_err(|directive| {
            let what = format!("strftime_now does not know the directive {directive:?}");
            Error::new(ErrorKind::InvalidOperation, what)
        })
    });
}

/// The words of a template that refuses its messages.
#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

/// The engine's error in ours, with the line, and refusals told apart from failures.
pub(super) fn template_error(error: Error) -> TextError {
    let line = error.line().unwrap_or(0);
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(at) = cause {
        if let Some(Refusal(message)) = at.downcast_ref::<Refusal>() {
            return TextError::TemplateRefused { line, message: message.clone() };
        }
        cause = at.source();
    }
    let message = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    TextError::Template { line, message }
}

/// JSON as Python's `json.dumps(.., ensure_ascii=False)` writes it, with which models were trained:
/// a space after commas and colons, and no escapes for HTML.
fn tojson(value: &Value, args: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = args.get("indent")?;
    let ascii: Option<bool> = args.get("ensure_ascii")?;
    args.assert_all_used()?;
    let mut out = Vec::new();
    let written = match indent {
        None => value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Python)),
        Some(width) => {
            let spaces = vec![b' '; width.min(64)];
            let formatter = PrettyFormatter::with_indent(&spaces);
            value.serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter))
        }
    };
    let invalid = |e: &dyn fmt::Display| Error::new(ErrorKind::BadSerialization, e.to_string());
    written.map_err(|e| invalid(&e))?;
    let text = String::from_utf8(out).map_err(|e| invalid(&e))?;
    Ok(if ascii == Some(true) { escape_non_ascii(&text) } else { text })
}

fn escape_non_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// Python's separators.
struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { w.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { w.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        CompactFormatter.begin_object_value(w)?;
        w.write_all(b" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: Date = Date { year: 2024, month: 7, day: 6 };

    #[test]
    fn dates_are_written_as_python_writes_them() {
        // python3: datetime.date(2024, 7, 6).strftime(..)
        assert_eq!(DATE.strftime("%d %b %Y").unwrap(), "06 Jul 2024");
        assert_eq!(
            DATE.strftime("%A, %B %-d, %y (%j) 100%%").unwrap(),
            "Saturday, July 6, 24 (188) 100%"
        );
        assert_eq!(DATE.strftime("%Y-%m-%d %H:%M").unwrap(), "2024-07-06 00:00");
        assert_eq!(DATE.strftime("%Q").unwrap_err(), "%Q");
    }

    #[test]
    fn weekdays_hold_over_centuries() {
        for (year, month, day, name) in
            [(2000, 2, 29, "Tuesday"), (1900, 3, 1, "Thursday"), (2025, 1, 20, "Monday")]
        {
            assert_eq!(Date { year, month, day }.weekday(), name);
        }
    }

    #[test]
    fn json_has_pythons_spaces_order_and_no_html_escapes() {
        let mut environment = Environment::new();
        add(&mut environment);
        let render = |source: &str| environment.render_str(source, ()).unwrap();
        assert_eq!(
            render("{{ {'b': [1, 2.5, none], 'a': \"<é> & 'x'\"} | tojson }}"),
            "{\"b\": [1, 2.5, null], \"a\": \"<é> & 'x'\"}"
        );
        assert_eq!(
            render("{{ ['é😀'] | tojson(ensure_ascii=true) }}"),
            "[\"\\u00e9\\ud83d\\ude00\"]"
        );
        assert_eq!(render("{{ {'a': [1]} | tojson(indent=2) }}"), "{\n  \"a\": [\n    1\n  ]\n}");
    }

    #[test]
    fn a_fixed_date_reaches_the_template() {
        let mut environment = Environment::new();
        add_date(&mut environment, DATE);
        let text = environment.render_str("{{ strftime_now('%d %b %Y') }}", ()).unwrap();
        assert_eq!(text, "06 Jul 2024");
        assert!(environment.render_str("{{ strftime_now('%Q') }}", ()).is_err());
    }
}
