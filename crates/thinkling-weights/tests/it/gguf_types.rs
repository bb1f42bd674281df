//! Values of every quantised type against those of the package `gguf` (`tests/golden/make_gguf.py`).

use thinkling_weights::{GgmlType, Gguf, dequantize, q3_k_as_q6_k};

static GOLDEN: &[u8] = include_bytes!("../../../../tests/golden/gguf/types.gguf");

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Each value is one product of exact factors, or one sum of exact products, so that no order of
/// operations can round otherwise; the sign of a zero is that of the definition.
#[test]
fn values_of_every_type_are_those_of_the_package_gguf_bit_for_bit() {
    let gguf = Gguf::parse(GOLDEN).expect("a golden file");
    assert_eq!(
        gguf.tensors().len(),
        2 * GgmlType::QUANTISED.len(),
        "every type of the golden is tested"
    );
    for ty in GgmlType::QUANTISED {
        let tensor = gguf.tensor(&ty.to_string()).expect("a tensor of each type");
        assert_eq!(tensor.ty, ty);
        let got = gguf.read_f32(GOLDEN, &ty.to_string()).expect("readable");
        let want = gguf.read_f32(GOLDEN, &format!("{ty}.values")).expect("readable");
        assert!(want.iter().filter(|value| **value != 0.0).count() > want.len() / 2);
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_eq!(got.to_bits(), want.to_bits(), "{ty}, element {i}: {got} for {want}");
        }
    }
}

#[test]
fn q3_k_is_kept_bit_for_bit_as_q6_k() {
    let gguf = Gguf::parse(GOLDEN).expect("a golden file");
    let tensor = gguf.tensor("Q3_K").expect("a tensor");
    let wide = q3_k_as_q6_k(&GOLDEN[tensor.range.clone()]);
    let mut got = vec![0.0; tensor.elements()];
    dequantize(GgmlType::Q6K, &wide, &mut got);
    assert_eq!(bits(&got), bits(&gguf.read_f32(GOLDEN, "Q3_K.values").expect("readable")));
}
