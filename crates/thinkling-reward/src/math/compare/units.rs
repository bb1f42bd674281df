//! Which units mean the same, and how those of one dimension convert.
//!
//! A unit is a product of powers of known words: `cm^2`, `km/h`, `miles per hour`, `square
//! meters`, `cents`. Words that are not in the table are of no known dimension. Left out:
//! conversion of temperatures, which is no factor, and angles.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Pow};

use super::super::expr::Unit;

/// How two units stand to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The same unit.
    Same,
    /// One dimension, different units: how many of the first one of the second is.
    Converts(BigRational),
    /// Both known, and no factor between them: dollars and euros, `cm` and `cm^2`.
    Differ,
    /// Words without dimension on one side or both.
    Unknown,
}

/// Words of one unit at most.
const MAX_WORDS: usize = 12;
const BASES: usize = 22;
const LENGTH: usize = 0;
const MASS: usize = 1;
const TIME: usize = 2;
const VOLUME: usize = 3;
const DOLLAR: usize = 4;
const YUAN: usize = 5;
const EURO: usize = 6;
const STERLING: usize = 7;
const RUPEE: usize = 8;
const DATA: usize = 9;
const FORCE: usize = 10;
const PRESSURE: usize = 11;
const ENERGY: usize = 12;
const POWER: usize = 13;
const VOLTAGE: usize = 14;
const CURRENT: usize = 15;
const RESISTANCE: usize = 16;
const FREQUENCY: usize = 17;
const CHARGE: usize = 18;
const CAPACITY: usize = 19;
const SUBSTANCE: usize = 20;
const ELECTRON_VOLT: usize = 21;

/// Names, base, and how many of the first unit of the base one is, as a fraction.
type Row = (&'static [&'static str], usize, i64, i64);

const UNITS: [Row; 58] = [
    (&["m", "meter", "metre", "米"], LENGTH, 1, 1),
    (&["dm", "decimeter", "decimetre", "分米"], LENGTH, 1, 10),
    (&["cm", "centimeter", "centimetre", "厘米"], LENGTH, 1, 100),
    (&["mm", "millimeter", "millimetre", "毫米"], LENGTH, 1, 1000),
    (&["km", "kilometer", "kilometre", "千米", "公里"], LENGTH, 1000, 1),
    (&["inch", "inches", "in"], LENGTH, 254, 10_000),
    (&["foot", "feet", "ft"], LENGTH, 3048, 10_000),
    (&["yard", "yd"], LENGTH, 9144, 10_000),
    (&["mile", "mi"], LENGTH, 1_609_344, 1000),
    (&["g", "gram", "克"], MASS, 1, 1000),
    (&["kg", "kilogram", "千克", "公斤"], MASS, 1, 1),
    (&["mg", "milligram", "毫克"], MASS, 1, 1_000_000),
    (&["ton", "tonne", "吨"], MASS, 1000, 1),
    (&["pound", "lb", "lbs"], MASS, 45_359_237, 100_000_000),
    (&["ounce", "oz"], MASS, 45_359_237, 1_600_000_000),
    (&["s", "sec", "second", "秒"], TIME, 1, 1),
    (&["min", "minute", "分钟"], TIME, 60, 1),
    (&["h", "hr", "hour", "小时"], TIME, 3600, 1),
    (&["day", "天"], TIME, 86_400, 1),
    (&["week", "周", "星期"], TIME, 604_800, 1),
    (&["month", "个月"], TIME, 2_628_000, 1),
    (&["year", "年"], TIME, 31_536_000, 1),
    (&["l", "liter", "litre", "升"], VOLUME, 1, 1),
    (&["ml", "milliliter", "millilitre", "毫升"], VOLUME, 1, 1000),
    (&["gallon", "gal"], VOLUME, 3_785_411_784, 1_000_000_000),
    (&["quart"], VOLUME, 946_352_946, 1_000_000_000),
    (&["pint"], VOLUME, 473_176_473, 1_000_000_000),
    (&["cup"], VOLUME, 2_365_882_365, 10_000_000_000),
    (&["$", "dollar", "usd", "美元"], DOLLAR, 1, 1),
    (&["¢", "cent"], DOLLAR, 1, 100),
    (&["dime"], DOLLAR, 1, 10),
    (&["¥", "￥", "yuan", "rmb", "cny", "元", "块"], YUAN, 1, 1),
    (&["角", "毛"], YUAN, 1, 10),
    (&["分"], YUAN, 1, 100),
    (&["€", "euro", "eur"], EURO, 1, 1),
    (&["£", "gbp"], STERLING, 1, 1),
    (&["₹", "rupee", "rs", "inr"], RUPEE, 1, 1),
    (&["byte"], DATA, 1, 1),
    (&["kb", "kilobyte"], DATA, 1000, 1),
    (&["mb", "megabyte"], DATA, 1_000_000, 1),
    (&["gb", "gigabyte"], DATA, 1_000_000_000, 1),
    (&["bit"], DATA, 1, 8),
    (&["n", "newton"], FORCE, 1, 1),
    (&["pa", "pascal"], PRESSURE, 1, 1),
    (&["j", "joule"], ENERGY, 1, 1),
    (&["cal", "calorie"], ENERGY, 4184, 1000),
    (&["w", "watt"], POWER, 1, 1),
    (&["v", "volt"], VOLTAGE, 1, 1),
    (&["a", "amp", "ampere"], CURRENT, 1, 1),
    (&["ω", "omega", "ohm"], RESISTANCE, 1, 1),
    (&["hz", "hertz"], FREQUENCY, 1, 1),
    (&["wh"], ENERGY, 3600, 1),
    (&["c", "coulomb"], CHARGE, 1, 1),
    (&["f", "farad"], CAPACITY, 1, 1),
    (&["mol", "mole"], SUBSTANCE, 1, 1),
    (&["ev"], ELECTRON_VOLT, 1, 1),
    (&["mph"], LENGTH, 0, 1),
    (&["kph", "kmh"], LENGTH, 0, 1),
];

/// Prefixes, as the parser leaves them: in lower case, but for the capital of mega.
const PREFIXES: [(&str, i64, i64); 16] = [
    ("M", 1_000_000, 1),
    ("h", 100, 1),
    ("T", 1_000_000_000_000, 1),
    ("kilo", 1000, 1),
    ("milli", 1, 1000),
    ("micro", 1, 1_000_000),
    ("nano", 1, 1_000_000_000),
    ("mega", 1_000_000, 1),
    ("giga", 1_000_000_000, 1),
    ("centi", 1, 100),
    ("k", 1000, 1),
    ("m", 1, 1000),
    ("μ", 1, 1_000_000),
    ("µ", 1, 1_000_000),
    ("n", 1, 1_000_000_000),
    ("g", 1_000_000_000, 1),
];

/// Temperatures have no factor between them.
const TEMPERATURES: [&[&str]; 3] = [
    &["°c", "celsius", "degrees celsius"],
    &["°f", "fahrenheit", "degrees fahrenheit"],
    &["k", "kelvin", "kelvins"],
];

/// A unit as powers of the bases, and its size in them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Measure {
    powers: [i32; BASES],
    size: BigRational,
}

/// How two units stand to each other.
pub(super) fn relation(a: &Unit, b: &Unit) -> Relation {
    if a == b {
        return Relation::Same;
    }
    if matches!((a, b), (Unit::Percent, _) | (_, Unit::Percent)) {
        return Relation::Differ;
    }
    let money = matches!((a, b), (Unit::Money(_), Unit::Money(_)));
    let (a, b) = (text(a), text(b));
    match words_relation(a, b, money) {
        // Where one side names no rate, none is compared: dollars per hour and dollars.
        Relation::Differ if is_rate(a) != is_rate(b) => {
            words_relation(counted(a), counted(b), money)
        }
        relation => relation,
    }
}

fn words_relation(a: &str, b: &str, money: bool) -> Relation {
    match (temperature(a), temperature(b)) {
        (Some(a), Some(b)) => return if a == b { Relation::Same } else { Relation::Differ },
        (None, None) => {}
        // A bare degree sign beside one with a letter.
        _ => return Relation::Unknown,
    }
    match (measure(a), measure(b)) {
        (Some(a), Some(b)) if a == b => Relation::Same,
        (Some(a), Some(b)) if a.powers == b.powers => Relation::Converts(b.size / a.size),
        (Some(_), Some(_)) => Relation::Differ,
        // A currency that is not in the table is another one than those that are.
        (Some(_), None) | (None, Some(_)) if money => Relation::Differ,
        _ => Relation::Unknown,
    }
}

fn is_rate(unit: &str) -> bool {
    unit.contains('/') || unit.split_whitespace().any(|word| word == "per")
}

/// What a rate counts: the dollars of dollars per hour.
fn counted(unit: &str) -> &str {
    let slash = unit.find('/').unwrap_or(unit.len());
    let head = &unit[..slash];
    head.split(" per ").next().unwrap_or(head).trim()
}

fn temperature(text: &str) -> Option<usize> {
    TEMPERATURES.iter().position(|names| names.contains(&text))
}

/// A number without the known unit that touches it: `1,000.99m²`.
pub(crate) fn without_unit(number: &str) -> &str {
    let start = number.find(char::is_alphabetic).unwrap_or(number.len());
    let (value, unit) = number.split_at(start);
    if value.ends_with(|c: char| c.is_ascii_digit()) && measure(unit).is_some() {
        value
    } else {
        number
    }
}

fn text(unit: &Unit) -> &str {
    match unit {
        Unit::Percent => "%",
        Unit::Degree => "°",
        Unit::Money(text) | Unit::Other(text) => text,
    }
}

fn singular(word: &str) -> &str {
    // Not the s of a second.
    if word.len() > 2 { word.strip_suffix('s').unwrap_or(word) } else { word }
}

/// Reads a unit; nothing where it has an unknown word.
fn measure(text: &str) -> Option<Measure> {
    let mut all = Measure { powers: [0; BASES], size: BigRational::one() };
    let (mut below, mut next_power) = (false, 1_i32);
    let spaced = text.replace('/', " per ").replace(['*', '·', '\\', '{', '}', '(', ')', ','], " ");
    let mut words = spaced.split_whitespace().take(MAX_WORDS).peekable();
    // "per hour" has lost what is counted; "/s" is by the second.
    if words.peek().is_none() || text.starts_with("per") {
        return None;
    }
    while let Some(word) = words.next() {
        match word {
            "per" | "an" | "a" | "each" => below = true,
            "square" | "sq" | "sq." => next_power = 2,
            "cubic" | "cu" => next_power = 3,
            _ => {
                let (name, power) = powered(word, &mut words)?;
                let power = power.checked_mul(next_power)?;
                all.times(name.trim_end_matches('.'), if below { -power } else { power })?;
                next_power = 1;
            }
        }
    }
    (all.powers != [0; BASES]).then_some(all)
}

/// A word with the power that stands in it or behind it.
fn powered<'w>(
    word: &'w str,
    words: &mut std::iter::Peekable<impl Iterator<Item = &'w str>>,
) -> Option<(&'w str, i32)> {
    for (mark, power) in [("²", 2), ("³", 3)] {
        if let Some(name) = word.strip_suffix(mark) {
            return Some((name, power));
        }
    }
    if let Some((name, power)) = word.split_once('^') {
        // `cm^{2}` has lost its braces.
        let power = if power.is_empty() { words.next()? } else { power };
        let power = power.parse().ok().filter(|power: &i32| power.unsigned_abs() < 100)?;
        return Some((name, power));
    }
    for (mark, power) in [("squared", 2), ("cubed", 3), ("^2", 2), ("^3", 3)] {
        if words.next_if(|next| *next == mark).is_some() {
            return Some((word, power));
        }
    }
    Some((word, 1))
}

impl Measure {
    fn times(&mut self, name: &str, power: i32) -> Option<()> {
        for (prefix, squared) in [("平方", 2), ("立方", 3)] {
            if let Some(name) = name.strip_prefix(prefix) {
                return self.times(name, power * squared);
            }
        }
        let row = |name: &str| {
            let is = |names: &[&str]| names.contains(&name) || names.contains(&singular(name));
            UNITS.iter().find(|row| is(row.0))
        };
        let prefixed = || {
            let prefixes = PREFIXES.iter().map(|(p, a, b)| (name.strip_prefix(p), *a, *b));
            // Only units that commonly have one: no kiloday.
            let scientific = |row: &&Row| {
                row.1 >= FORCE || matches!(row.0.first(), Some(&("m" | "g" | "s" | "l")))
            };
            prefixes.filter_map(|(rest, a, b)| Some((row(rest?).filter(scientific)?, a, b))).next()
        };
        let ((names, base, over, under), scale, parts) = match row(name) {
            Some(row) => (row, 1, 1),
            None => prefixed()?,
        };
        if *over == 0 {
            let distance = if names.contains(&"mph") { "mile" } else { "km" };
            self.times(distance, power)?;
            return self.times("hour", -power);
        }
        let size = BigRational::new(
            BigInt::from(*over) * BigInt::from(scale),
            BigInt::from(*under) * BigInt::from(parts),
        );
        self.powers[*base] += power;
        self.size *= Pow::pow(size, power);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(a: &str, b: &str) -> Relation {
        relation(&Unit::Other(a.to_owned()), &Unit::Other(b.to_owned()))
    }

    #[test]
    fn spellings_of_one_unit_are_the_same() {
        for (a, b) in [
            ("cm", "centimeters"),
            ("cm^2", "square centimeters"),
            ("cm^{2}", "cm²"),
            ("m squared", "square metres"),
            ("km/h", "kilometers per hour"),
            ("mph", "miles per hour"),
            ("hours", "hr"),
            ("dollars", "$"),
            ("feet", "ft"),
            ("s", "seconds"),
            ("m s^{-2}", "m/s^2"),
            ("/s", "s^-1"),
            ("$ per hour", "dollars"),
            ("miles per hour", "miles"),
            ("平方米", "m^2"),
            ("千克", "kg"),
            ("kilojoules", "kj"),
            ("米^2", "平方米"),
            ("Mpa", "megapascals"),
            ("cm^{10}", "cm^10"),
        ] {
            assert_eq!(between(a, b), Relation::Same, "{a} {b}");
        }
    }

    #[test]
    fn units_of_one_dimension_convert() {
        for (a, b, numerator, denominator) in [
            ("m", "cm", 1, 100),
            ("cm", "m", 100, 1),
            ("m^2", "cm^2", 1, 10_000),
            ("km/h", "m/s", 18, 5),
            ("dollars", "cents", 1, 100),
            ("hours", "minutes", 1, 60),
            ("feet", "inches", 1, 12),
            ("n", "kn", 1000, 1),
            ("v", "mv", 1, 1000),
            ("平方米", "平方厘米", 1, 10_000),
            ("元", "角", 1, 10),
            ("pa", "Mpa", 1_000_000, 1),
            ("元", "分", 1, 100),
            ("$ per hour", "cents", 1, 100),
        ] {
            let factor = BigRational::new(BigInt::from(numerator), BigInt::from(denominator));
            assert_eq!(between(a, b), Relation::Converts(factor), "{a} {b}");
        }
        for (a, b) in [("dollars", "euros"), ("cm", "cm^2"), ("°c", "k"), ("cm", "hours")] {
            assert_eq!(between(a, b), Relation::Differ, "{a} {b}");
        }
        assert_eq!(relation(&Unit::Percent, &Unit::Degree), Relation::Differ);
    }

    #[test]
    fn a_unit_that_touches_a_number_is_dropped() {
        for (text, expected) in
            [("1,000.99m²", "1,000.99"), ("5kg", "5"), ("42x", "42x"), ("42", "42"), ("", "")]
        {
            assert_eq!(without_unit(text), expected);
        }
    }

    #[test]
    fn other_words_have_no_dimension() {
        for (a, b) in [
            ("apples", "cm"),
            ("per hour", "$"),
            ("pears", "apples"),
            ("", "m"),
            ("^", "m"),
            ("°", "°c"),
        ] {
            assert_eq!(between(a, b), Relation::Unknown, "{a} {b}");
        }
    }
}
