//! Steps of learning from the nano base, on whatever device.

use burn::tensor::Device;
use std::rc::Rc;
use thinkling_web_learn::{Material, Session, StepReport};

pub(crate) const CONFIG: &str = include_str!("../../../../recipes/nano-base/config.json");
pub(crate) const TOKENIZER: &[u8] = include_bytes!("../../../../recipes/nano-base/tokenizer.json");
pub(crate) const WEIGHTS: &[u8] = include_bytes!("../../../../recipes/nano-base/model.safetensors");

pub(crate) fn session(device: &Device, seed: u64) -> Session {
    let material = Material::new(CONFIG, TOKENIZER, WEIGHTS.to_vec(), seed).expect("a model");
    // No test looks at the seconds.
    Session::new(Rc::new(material), device, || 0.0).expect("a session")
}

/// Learns `steps` steps, checks each report, and begins again.
pub(crate) async fn check(mut session: Session, steps: u64) -> Vec<StepReport> {
    let base = session.export().await.expect("weights");
    let asked = session.compare(7).await.expect("answers");
    assert_eq!(asked.base, asked.now);
    let mut reports = Vec::new();
    for step in 1..=steps {
        let report = session.step().await.expect("a step");
        assert_eq!(report.step, step);
        assert!((0.0..=1.0).contains(&report.accuracy) && report.accuracy < report.reward);
        assert!(report.loss.is_finite() && report.grad_norm > 0.0 && report.entropy > 0.0);
        assert!(report.alarm.is_none(), "{:?}", report.alarm);
        let group = &report.group.completions;
        assert_eq!(group.len(), 16);
        let sum: f64 = group.iter().map(|c| c.advantage).sum();
        assert!(sum.abs() < 1e-6, "advantages of a group add up to 0, got: {sum}");
        for completion in group {
            let right = completion.verdict == "correct";
            assert_eq!(completion.reward >= 1.0 && right, right, "{completion:?}");
            let answer = format!("<answer>{}</answer>", report.group.gold);
            assert!(!right || completion.text.contains(&answer), "{completion:?}");
        }
        reports.push(report);
    }
    assert_ne!(session.export().await.expect("weights"), base, "steps move weights");
    session.reset();
    assert_eq!(session.export().await.expect("weights"), base);
    reports
}
