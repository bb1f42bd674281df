//! Square roots of integers in the field.
//!
//! The prime of the field is chosen so that -1 and all primes below 100 have square roots in it.
//! With one root fixed for each of them, the numbers made of these surds and the field operations
//! map into the field so that sums go to sums and products to products. Which of the two roots is
//! fixed does not matter: a number is zero exactly if all its conjugates are.

use super::{PRIME, Residue, times};
use crate::math::algebra::fraction::Fraction;

/// A square root of -1.
pub(super) const IMAGINARY: u64 = 19_116_476_740_989_819;

/// Primes and a square root of each.
const ROOTS: [(u64, u64); 25] = [
    (2, 580_745_040_669_649_328),
    (3, 1_585_753_902_310_711_602),
    (5, 3_152_325_516_698_593_368),
    (7, 1_820_440_125_471_247_073),
    (11, 3_147_818_124_539_060_463),
    (13, 3_889_044_898_818_854_075),
    (17, 1_000_205_464_134_580_570),
    (19, 3_332_843_563_624_594_811),
    (23, 1_587_959_745_567_130_032),
    (29, 3_617_838_839_061_275_908),
    (31, 1_451_317_819_614_438_686),
    (37, 138_211_419_424_575_879),
    (41, 1_003_766_995_067_072_384),
    (43, 2_450_167_652_735_362_590),
    (47, 2_591_755_363_358_613_748),
    (53, 2_324_754_076_078_019_767),
    (59, 2_526_129_599_046_880_279),
    (61, 144_398_096_509_251_675),
    (67, 500_167_480_010_968_821),
    (71, 3_485_292_641_737_947_286),
    (73, 3_652_584_732_244_190_859),
    (79, 1_780_322_641_854_479_998),
    (83, 2_686_439_215_985_850_762),
    (89, 101_425_188_628_168_462),
    (97, 3_609_968_134_861_802_384),
];

/// The principal square root of a fraction, `None` where it needs a prime above 100 or is long.
pub(super) fn square_root(value: &Fraction) -> Option<Residue> {
    let Fraction::Small(n, d) = *value else { return None };
    let size = n.unsigned_abs();
    let over = if size == 0 { 0 } else { root(size)? };
    let over = if n < 0 { times(over, IMAGINARY) } else { over };
    Some(Residue { over, under: root(d.unsigned_abs())? })
}

fn root(mut n: u64) -> Option<u64> {
    let mut product = 1;
    for (prime, root) in ROOTS {
        if n < prime {
            break;
        }
        while n.is_multiple_of(prime) {
            n /= prime;
            product = times(product, root);
        }
    }
    let rest = n.isqrt();
    (rest * rest == n).then(|| times(product, rest % PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_square_roots() {
        assert_eq!(times(IMAGINARY, IMAGINARY), PRIME - 1);
        for (prime, root) in ROOTS {
            assert_eq!(times(root, root), prime);
        }
    }

    #[test]
    fn square_roots_square_to_their_number() {
        for n in 1..2_000 {
            if let Some(root) = root(n) {
                assert_eq!(times(root, root), n);
            }
        }
        assert!(root(202).is_none());
        assert_eq!(root(101 * 101), Some(101));
    }
}
