//! Known digits, and balls that hold the value.

use std::cmp::Ordering;

use num_rational::BigRational;
use num_traits::Signed;
use proptest::prelude::*;

use super::*;

fn multi(bits: u64) -> Multi {
    Multi { bits, tolerance: bits - 56, last: false }
}

/// Whether the ball is at most as wide as `width` says, in bits behind the first digit, and
/// holds the decimal, which is known to all its digits but the last.
fn holds(ball: &Ball, decimal: &str, width: i64) -> bool {
    let (whole, fraction) = decimal.split_once('.').unwrap();
    let digits: BigInt = format!("{whole}{fraction}").parse().unwrap();
    let ten = BigInt::from(10).pow(fraction.len() as u32);
    let value = BigRational::new(digits, ten.clone());
    let unit = BigRational::new(1.into(), ten);
    let two = |n: i64| {
        let power = BigInt::one() << n.unsigned_abs();
        if n >= 0 { power.into() } else { BigRational::new(1.into(), power) }
    };
    let centre = BigRational::from_integer(ball.mantissa.clone()) * two(ball.exponent);
    let radius = two(ball.radius.ceil() as i64);
    ball.radius <= float(ball.top() - width) && (centre - value).abs() <= radius + unit
}

fn real(arith: &Multi, n: i64, d: i64) -> Ball {
    arith.ratio(&n.into(), &d.into()).unwrap()
}

#[test]
fn constants_and_functions_have_their_digits() {
    // Fifty digits by mpmath 1.3.0.
    let m = multi(192);
    let tiny = m.divide(&real(&m, 1, 1), &real(&m, 1 << 30, 1)).unwrap();
    let huge = m.integer(&(BigInt::one() << 200u32)).unwrap();
    let rows = [
        (m.pi(), "3.1415926535897932384626433832795028841971693993751"),
        (m.e(), "2.7182818284590452353602874713526624977572470937000"),
        (m.exp(&real(&m, 1, 1)), "2.7182818284590452353602874713526624977572470937000"),
        (m.exp(&real(&m, -3, 4)), "0.47236655274101470713804655094326791297020357913648"),
        (m.exp(&real(&m, 81, 2)), "388084696243620324.02317218757269945334420385154694"),
        (m.ln(&real(&m, 3, 4)), "-0.28768207245178092743921900599382743150350971089776"),
        (m.ln(&real(&m, 10, 1)), "2.3025850929940456840179914546843642076011014886288"),
        (
            m.ln(&real(&m, (1 << 40) + 1, 1 << 40)),
            "0.00000000000090949470177251464760876279943469247090424311045790",
        ),
        (
            m.sin_cos(&real(&m, 1, 1)).map(|p| p.0),
            "0.84147098480789650665250232163029899962256306079837",
        ),
        (
            m.sin_cos(&real(&m, 1, 1)).map(|p| p.1),
            "0.54030230586813971740093660744297660373231042061792",
        ),
        (
            m.sin_cos(&real(&m, -401, 4)).map(|p| p.0),
            "0.27728285645485130335367205701943588684425598993858",
        ),
        (
            m.sin_cos(&real(&m, -401, 4)).map(|p| p.1),
            "0.96078833127606120344234456136204998612380108861013",
        ),
        (
            m.sin_cos(&tiny).map(|p| p.0),
            "0.00000000093132257461547851549036773884228065188223706845976",
        ),
        (m.sin_cos(&huge).map(|p| p.0), "-0.47889779970693522786199031772348776733391032054150"),
        (
            m.atan2(&real(&m, 1, 1), &real(&m, 2, 1)),
            "0.46364760900080611621425623146121440202853705428612",
        ),
        (
            m.atan2(&real(&m, 1, 1), &real(&m, -2, 1)),
            "2.6779450445889871222483871518182884821686323450890",
        ),
        (
            m.atan2(&real(&m, -3, 1), &real(&m, -2, 1)),
            "-2.1587989303424641704769327722648368697002919457435",
        ),
        (
            m.atan2(&tiny, &real(&m, 1, 1)),
            "0.00000000093132257461547851535573547768456130389292649614929",
        ),
        (m.sqrt(&real(&m, 2, 1)), "1.4142135623730950488016887242096980785696718753769"),
        (m.sqrt(&real(&m, 3, 16)), "0.43301270189221932338186158537646809173570131345260"),
    ];
    for (ball, digits) in rows {
        let ball = ball.unwrap();
        assert!(holds(&ball, digits, 180), "{digits}: {ball:?}");
    }
}

#[test]
fn exact_arguments_have_exact_values() {
    let m = multi(128);
    let zero = Ball::zero();
    let one = real(&m, 1, 1);
    for (ball, n) in [
        (m.exp(&zero), 1),
        (m.ln(&one), 0),
        (m.sin_cos(&zero).map(|pair| pair.0), 0),
        (m.sin_cos(&zero).map(|pair| pair.1), 1),
        (m.atan2(&zero, &one), 0),
        (m.sqrt(&real(&m, 144, 1)), 12),
        (m.divide(&real(&m, 84, 1), &real(&m, 7, 1)), 12),
        (m.add(&real(&m, 1, 2), &real(&m, 3, 2)), 2),
    ] {
        assert_eq!(m.exact_integer(&ball.unwrap()), Some(n.into()));
    }
}

/// A chain of operations from a seed, in a given precision.
fn chain(m: &Multi, start: (i64, i64), steps: &[(u8, i64)]) -> Result<Ball, Fault> {
    let mut value = m.ratio(&start.0.into(), &start.1.into())?;
    for &(step, n) in steps {
        let other = m.ratio(&n.into(), &7.into())?;
        value = match step {
            0 => m.add(&value, &other)?,
            1 => m.multiply(&value, &other)?,
            2 => m.divide(&value, &other)?,
            3 => m.sqrt(&m.multiply(&value, &value)?)?,
            4 if value.height() < 6.0 => m.exp(&value)?,
            5 => m.sin_cos(&value)?.0,
            6 => m.sin_cos(&value)?.1,
            7 => m.atan2(&value, &other)?,
            8 => m.ln(&m.add(&m.multiply(&value, &value)?, &m.ratio(&1.into(), &3.into())?)?)?,
            9 => m.divide(&other, &m.add(&value, &other)?)?,
            _ => value.negate(),
        };
    }
    Ok(value)
}

proptest! {
    #[test]
    fn a_ball_holds_what_more_bits_find(
        start in (-99i64..99, 1i64..99),
        steps in prop::collection::vec((0u8..11, (1i64..60).prop_map(|n| 2 * n - 61)), 1..12),
    ) {
        let (coarse, fine) = (multi(80), multi(700));
        if let (Ok(a), Ok(b)) = (chain(&coarse, start, &steps), chain(&fine, start, &steps)) {
            let apart = fine.add(&a, &b.negate()).unwrap();
            // Their difference has zero in it, given the errors of both.
            prop_assert!(fine.sign(&apart).is_none_or(Ordering::is_eq), "{a:?} {b:?}");
            prop_assert!(apart.height() <= join(a.radius, b.radius) + 1e-6 || apart.mantissa.is_zero());
        }
    }
}
