//! Numbers in Han numerals: `二十五`, `五分之二`, `百分之二十`, `一又二分之一`.
//!
//! Left out: digits one by one (`二〇二四`), and words that only begin with a numeral (`一样`), so
//! that a numeral counts where it is the whole word or a unit of the list stands behind it.

use num_bigint::BigInt;

use super::super::expr::{Expr, Unit};
use super::expressions::quotient;
use super::token::Kind;
use super::{Node, Parse, Parser};

/// Units that may stand behind a numeral in one word.
const UNITS: &[&str] = &[
    "个",
    "元",
    "人",
    "天",
    "年",
    "岁",
    "只",
    "本",
    "种",
    "倍",
    "米",
    "厘米",
    "千米",
    "公里",
    "克",
    "千克",
    "公斤",
    "吨",
    "升",
    "小时",
    "分钟",
    "秒",
    "平方米",
    "平方厘米",
    "名",
    "张",
    "棵",
    "辆",
];

impl Parser<'_, '_, '_> {
    /// The number that the word at the current place is or begins with; takes the numeral.
    pub(super) fn han_number(&mut self) -> Parse<Option<Node>> {
        let token = self.token();
        let word = self.source(token);
        if let Some((under, over)) = word.split_once("分之") {
            let percent = under == "百";
            let (whole, under) = match under.split_once('又') {
                Some((whole, under)) => match numeral(whole) {
                    Some(whole) => (Some(whole), under),
                    None => return Ok(None),
                },
                None => (None, under),
            };
            let Some(under) = divisor(under) else { return Ok(None) };
            let over = match (over, numeral(over)) {
                (_, Some(over)) => {
                    self.advance();
                    integer(over)
                }
                ("", None) if matches!(self.ahead(1), Kind::Digits | Kind::Decimal) => {
                    self.advance();
                    self.number()?
                }
                _ => return Ok(None),
            };
            if percent {
                self.unit = Some(Unit::Percent);
                return Ok(Some(Node::value(over)));
            }
            let fraction = quotient(over, integer(under));
            return Ok(Some(Node::value(match whole {
                Some(whole) => Expr::Sum(vec![integer(whole), fraction]),
                None => fraction,
            })));
        }
        let unit = UNITS.iter().filter(|unit| word.ends_with(**unit)).max_by_key(|unit| unit.len());
        let digits = unit.and_then(|unit| word.strip_suffix(unit)).unwrap_or(word);
        let (digits, value) = match (numeral(word), numeral(digits)) {
            (Some(value), _) => (word, value),
            (None, Some(value)) => (digits, value),
            _ => return Ok(None),
        };
        if digits.len() == word.len() {
            self.advance();
        } else if let Some(token) = self.tokens.get_mut(self.at) {
            // What is left is the unit.
            token.start += u32::try_from(digits.len()).unwrap_or(0);
        }
        Ok(Some(Node::value(integer(value))))
    }
}

impl Parser<'_, '_, '_> {
    /// The fraction that a word makes of the number before it, taken with the word: `5分之二`,
    /// `2又二分之一`.
    pub(super) fn han_fraction_behind(&mut self, value: &Expr, word: &str) -> Option<Expr> {
        if let Some(over) = word.strip_prefix("分之") {
            let over = if over.is_empty() && self.ahead(1) == Kind::Digits {
                self.advance();
                self.small(self.token())?
            } else {
                numeral(over)?
            };
            self.advance();
            return Some(quotient(integer(over), value.clone()));
        }
        let (under, over) = word.strip_prefix('又')?.split_once("分之")?;
        let fraction = quotient(integer(numeral(over)?), integer(divisor(under)?));
        self.advance();
        Some(Expr::Sum(vec![value.clone(), fraction]))
    }
}

fn integer(value: u64) -> Expr {
    Expr::Integer(BigInt::from(value))
}

/// What stands before `分之`, where a power of ten needs no one before it.
fn divisor(text: &str) -> Option<u64> {
    let value = match text {
        "百" => 100,
        "千" => 1000,
        "万" => 10_000,
        _ => numeral(text)?,
    };
    (value > 0).then_some(value)
}

fn digit(c: char) -> Option<u64> {
    Some(match c {
        '零' | '〇' => 0,
        '一' => 1,
        '二' | '两' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        _ => return None,
    })
}

/// The value of a whole numeral below a hundred million.
pub(super) fn numeral(text: &str) -> Option<u64> {
    match text.split_once('万') {
        Some((above, below)) => {
            let below = if below.is_empty() { 0 } else { below_ten_thousand(below)? };
            Some(below_ten_thousand(above)? * 10_000 + below)
        }
        None => below_ten_thousand(text),
    }
}

/// Digits with the power of ten behind each, in falling order: `一千零五十`, `十五`.
fn below_ten_thousand(text: &str) -> Option<u64> {
    if text.is_empty() || text.chars().count() > 9 {
        return None;
    }
    let (mut sum, mut open, mut limit) = (0, None, u64::MAX);
    for (place, c) in text.chars().enumerate() {
        let power = match c {
            '十' => 10,
            '百' => 100,
            '千' => 1000,
            _ => {
                let digit = digit(c)?;
                // Nought stands alone or joins.
                if open.is_some_and(|open| open != 0) || (open == Some(0) && digit == 0) {
                    return None;
                }
                open = Some(digit);
                continue;
            }
        };
        let factor = match open {
            Some(0) => return None,
            Some(factor) => factor,
            None if power == 10 && place == 0 => 1,
            None => return None,
        };
        if power >= limit {
            return None;
        }
        sum += factor * power;
        limit = power;
        open = None;
    }
    match open {
        // `三百五` is short for 350; only behind a nought or a ten is a digit one of ones.
        Some(_) if limit != u64::MAX && limit > 10 && !text.contains(['零', '〇']) => None,
        Some(0) if limit != u64::MAX => None,
        Some(ones) => Some(sum + ones),
        None => Some(sum),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerals_have_values() {
        for (text, value) in [
            ("零", 0),
            ("五", 5),
            ("十", 10),
            ("十五", 15),
            ("二十", 20),
            ("九十九", 99),
            ("一百", 100),
            ("一百零五", 105),
            ("三百二十一", 321),
            ("两千", 2000),
            ("一千零五十", 1050),
            ("三万", 30_000),
            ("十二万三千", 123_000),
        ] {
            assert_eq!(numeral(text), Some(value), "{text}");
        }
    }

    #[test]
    fn other_words_are_no_numerals() {
        for text in ["", "一样", "三五", "百", "十十", "三百五", "十百", "一零", "五分", "万"]
        {
            assert_eq!(numeral(text), None, "{text}");
        }
    }
}
