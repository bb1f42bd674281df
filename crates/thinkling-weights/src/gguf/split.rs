//! Models in several GGUF files, as `llama-gguf-split` writes them: `name-00001-of-00003.gguf` and so
//! on. The first has all metadata, each some of the tensors; `split.no` (from 0), `split.count` and
//! `split.tensors.count` (of all parts) stand in every one.

use std::path::{Path, PathBuf};

use super::Gguf;
use crate::WeightsError;

const NUMBER: &str = "split.no";
const COUNT: &str = "split.count";
const TENSORS: &str = "split.tensors.count";
/// Digits of a number in a file's name.
const DIGITS: usize = 5;

/// Which part of a model in several files a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GgufSplit {
    /// The part's number, from 0.
    pub number: u64,
    /// Number of parts, at least two.
    pub count: u64,
    /// Tensors of all parts, where the file says so.
    pub tensors: Option<u64>,
}

impl Gguf {
    /// Which part of a model in several files this is, or none where it is whole.
    ///
    /// # Errors
    /// Where a number of the split is none, or that of the part is not below their count.
    pub fn split(&self) -> Result<Option<GgufSplit>, WeightsError> {
        let Some(count) = self.get_u64(COUNT)?.filter(|&count| count > 1) else { return Ok(None) };
        let number = self.get_u64(NUMBER)?.ok_or_else(|| WeightsError::MissingKey {
            key: NUMBER.to_owned(),
            expected: "the number of the part, as `split.count` is there",
        })?;
        if number >= count {
            let expected = format!("below `{COUNT}`, which is {count}");
            return Err(WeightsError::invalid(format!("`{NUMBER}`"), expected, number));
        }
        Ok(Some(GgufSplit { number, count, tensors: self.get_u64(TENSORS)? }))
    }
}

impl GgufSplit {
    /// Refuses a file that cannot be part `number` of the model that this is the first part of.
    #[cfg(feature = "mmap")]
    pub(crate) fn check_part(&self, number: u64, part: Option<Self>) -> Result<(), WeightsError> {
        let shown = |value: Option<u64>| value.map_or("none".to_owned(), |value| value.to_string());
        let (count, no) = (part.map(|part| part.count), part.map(|part| part.number));
        let tensors = part.and_then(|part| part.tensors);
        for (key, expected, got) in [
            (COUNT, Some(self.count), count),
            (NUMBER, Some(number), no),
            (TENSORS, self.tensors, tensors),
        ] {
            if got != expected {
                let expected = format!("{}, as the first part says", shown(expected));
                return Err(WeightsError::invalid(format!("`{key}`"), expected, shown(got)));
            }
        }
        Ok(())
    }

    /// Refuses parts that have more or fewer tensors than they should.
    #[cfg(feature = "mmap")]
    pub(crate) fn check_tensors(&self, got: usize) -> Result<(), WeightsError> {
        match self.tensors {
            Some(expected) if expected != got as u64 => {
                let what = format!("tensors in all {} parts (`{TENSORS}`)", self.count);
                Err(WeightsError::invalid(what, expected, got))
            }
            _ => Ok(()),
        }
    }
}

/// The paths of all parts of a model, from that of any of them: `name-00002-of-00003.gguf` gives three.
/// None for other names, and where there is one part. No file is looked at.
pub fn gguf_parts(path: &Path) -> Option<Vec<PathBuf>> {
    let name = path.file_name()?.to_str()?.strip_suffix(".gguf")?;
    let (rest, count) = name.rsplit_once("-of-")?;
    let (name, number) = rest.rsplit_once('-')?;
    let parsed = |digits: &str| -> Option<usize> {
        let all = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        all.then(|| digits.parse().ok()).flatten()
    };
    let (number, count) = (parsed(number)?, parsed(count)?);
    let part =
        |number: usize| path.with_file_name(format!("{name}-{number:05}-of-{count:05}.gguf"));
    (count > 1 && (1..=count).contains(&number)).then(|| (1..=count).map(part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parts_name_the_others() {
        let parts = gguf_parts(Path::new("a/b-of-c-00002-of-00003.gguf")).expect("a part");
        let expected = ["1", "2", "3"].map(|i| format!("a/b-of-c-0000{i}-of-00003.gguf"));
        assert_eq!(parts, expected.map(PathBuf::from));
        for whole in [
            "model.gguf",
            "m-00001-of-00001.gguf",
            "m-00004-of-00003.gguf",
            "m-00000-of-00003.gguf",
            "m-1-of-3.gguf",
            "m-0000x-of-00003.gguf",
            "m-+0001-of-00003.gguf",
            "m-00001-of-00003.safetensors",
        ] {
            assert_eq!(gguf_parts(Path::new(whole)), None, "{whole}");
        }
    }
}
