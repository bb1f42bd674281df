//! WebAssembly binaries as lists of sections: as much of the format as a snapshot needs.
//!
//! [`instrumented`] makes the binary that is started once: the interpreter without its debug
//! sections, with its one global exported. [`frozen`] makes the binary that programs run in: the
//! same code with the memory and the global as they were left. Section numbers and encodings are
//! those of the core specification, chapter 5.5.

use std::ops::Range;

/// The export that [`instrumented`] adds: the stack pointer of C.
pub(crate) const STACK_POINTER: &str = "__stack_pointer";

const CUSTOM: u8 = 0;
const MEMORY: u8 = 5;
const GLOBAL: u8 = 6;
const EXPORT: u8 = 7;
const DATA: u8 = 11;
const PAGE: usize = 65_536;

/// Zero bytes that separate two data segments; fewer are stored.
const GAP: usize = 4096;

/// What is wrong with a binary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a WebAssembly binary of the expected form: {0}")]
pub(crate) struct BinaryError(&'static str);

type Result<T> = std::result::Result<T, BinaryError>;

/// The interpreter with its global 0 exported as [`STACK_POINTER`] and without custom sections.
pub(crate) fn instrumented(binary: &[u8]) -> Result<Vec<u8>> {
    rewritten(binary, |id, content, out| match id {
        CUSTOM => Ok(()),
        EXPORT => {
            let mut reader = Reader { bytes: content, at: 0 };
            let count = reader.u32()?;
            let mut new = Vec::with_capacity(content.len() + 32);
            put_u32(&mut new, count.checked_add(1).ok_or(BinaryError("too many exports"))?);
            new.extend_from_slice(&content[reader.at..]);
            put_bytes(&mut new, STACK_POINTER.as_bytes())?;
            new.extend_from_slice(&[3, 0]); // global 0
            put_section(out, EXPORT, &new)
        }
        _ => put_section(out, id, content),
    })
}

/// The binary with `memory` as the contents of its memory, `extra` bytes of zeros after them, and
/// `stack_pointer` in its one global.
pub(crate) fn frozen(
    binary: &[u8],
    memory: &[u8],
    extra: usize,
    stack_pointer: i32,
) -> Result<Vec<u8>> {
    let pages = u32::try_from((memory.len() + extra).div_ceil(PAGE))
        .map_err(|_| BinaryError("memory above 4 GiB"))?;
    rewritten(binary, |id, content, out| match id {
        MEMORY => {
            if content.first() != Some(&1) || content.get(1) != Some(&0) {
                return Err(BinaryError("expected one memory without a maximum"));
            }
            let mut new = vec![1, 0];
            put_u32(&mut new, pages);
            put_section(out, MEMORY, &new)
        }
        GLOBAL => {
            // One global, i32, mutable.
            if !content.starts_with(&[1, 0x7f, 1]) {
                return Err(BinaryError("expected one global"));
            }
            let mut new = vec![1, 0x7f, 1];
            put_i32_const(&mut new, stack_pointer);
            put_section(out, GLOBAL, &new)
        }
        DATA => {
            let segments = segments(memory);
            let mut new = Vec::with_capacity(memory.len());
            put_u32(&mut new, to_u32(segments.len())?);
            for range in segments {
                let start = u32::try_from(range.start).map_err(|_| BinaryError("memory"))?;
                new.push(0);
                put_i32_const(&mut new, start.cast_signed());
                put_bytes(&mut new, &memory[range])?;
            }
            put_section(out, DATA, &new)
        }
        _ => put_section(out, id, content),
    })
}

/// The stretches of `memory` that are not zeros.
fn segments(memory: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (index, chunk) in memory.chunks(GAP).enumerate() {
        if chunk.iter().all(|&byte| byte == 0) {
            continue;
        }
        let (start, end) = (index * GAP, index * GAP + chunk.len());
        match found.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => found.push(start..end),
        }
    }
    found
}

/// Hands each section of `binary` to `each`, which writes what stands for it.
fn rewritten(
    binary: &[u8],
    mut each: impl FnMut(u8, &[u8], &mut Vec<u8>) -> Result<()>,
) -> Result<Vec<u8>> {
    const HEAD: &[u8] = b"\0asm\x01\0\0\0";
    if !binary.starts_with(HEAD) {
        return Err(BinaryError("no header of a module"));
    }
    let mut out = HEAD.to_vec();
    let mut reader = Reader { bytes: binary, at: HEAD.len() };
    while let Some(id) = reader.byte() {
        let content = reader.vector()?;
        each(id, content, &mut out)?;
    }
    Ok(out)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    /// LEB128.
    fn u32(&mut self) -> Result<u32> {
        let mut value = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte().ok_or(BinaryError("cut short"))?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return u32::try_from(value).map_err(|_| BinaryError("a number above 32 bits"));
            }
        }
        Err(BinaryError("a number above 32 bits"))
    }

    /// A length and as many bytes.
    fn vector(&mut self) -> Result<&'a [u8]> {
        let len = usize::try_from(self.u32()?).map_err(|_| BinaryError("too long"))?;
        let end = self.at.checked_add(len).ok_or(BinaryError("too long"))?;
        let bytes = self.bytes.get(self.at..end).ok_or(BinaryError("cut short"))?;
        self.at = end;
        Ok(bytes)
    }
}

fn to_u32(value: usize) -> Result<u32> {
    u32::try_from(value).map_err(|_| BinaryError("too long"))
}

fn put_section(out: &mut Vec<u8>, id: u8, content: &[u8]) -> Result<()> {
    out.push(id);
    put_bytes(out, content)
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    put_u32(out, to_u32(bytes.len())?);
    out.extend_from_slice(bytes);
    Ok(())
}

fn put_u32(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// `i32.const value` and the end of the expression.
fn put_i32_const(out: &mut Vec<u8>, mut value: i32) {
    out.push(0x41);
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        let last = (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0);
        out.push(if last { low } else { low | 0x80 });
        if last {
            break;
        }
    }
    out.push(0x0b);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One page of memory, a global of 1024, `memory` exported, one byte of data, a custom section.
    const SMALL: &[u8] = b"\0asm\x01\0\0\0\
        \x05\x03\x01\x00\x01\
        \x06\x07\x01\x7f\x01\x41\x80\x08\x0b\
        \x07\x0a\x01\x06memory\x02\x00\
        \x0b\x07\x01\x00\x41\x05\x0b\x01!\
        \x00\x03\x02ab";

    #[test]
    fn the_started_binary_has_one_export_more_and_no_custom_section() {
        let expected = b"\0asm\x01\0\0\0\
            \x05\x03\x01\x00\x01\
            \x06\x07\x01\x7f\x01\x41\x80\x08\x0b\
            \x07\x1c\x02\x06memory\x02\x00\x0f__stack_pointer\x03\x00\
            \x0b\x07\x01\x00\x41\x05\x0b\x01!";
        assert_eq!(instrumented(SMALL).unwrap(), expected);
    }

    #[test]
    fn the_frozen_binary_holds_memory_and_stack_pointer() {
        let mut memory = vec![0_u8; PAGE];
        memory[3 * GAP] = 7;
        let frozen = frozen(SMALL, &memory, PAGE + 1, 64).unwrap();
        // Three pages, since part of one is one.
        assert_eq!(&frozen[8..13], b"\x05\x03\x01\x00\x03");
        // 64 does not fit 7 bits with a sign: two bytes.
        assert_eq!(&frozen[13..22], b"\x06\x07\x01\x7f\x01\x41\xc0\x00\x0b");
        assert_eq!(&frozen[22..34], b"\x07\x0a\x01\x06memory\x02\x00");
        // 12288 is 0x3000, as signed LEB128 80 E0 00; the segment has 4096 bytes, 80 20.
        let data = b"\x0b\x89\x20\x01\x00\x41\x80\xe0\x00\x0b\x80\x20\x07";
        assert_eq!(&frozen[34..47], data);
        assert_eq!(frozen[47..47 + 4095], [0; 4095]);
        assert_eq!(&frozen[47 + 4095..], b"\x00\x03\x02ab");
    }

    #[test]
    fn only_stretches_that_hold_something_are_kept() {
        let mut memory = vec![0_u8; 6 * GAP];
        assert_eq!(segments(&memory), []);
        memory[0] = 1;
        memory[GAP] = 1;
        memory[5 * GAP] = 1;
        assert_eq!(segments(&memory), [0..2 * GAP, 5 * GAP..6 * GAP]);
    }

    #[test]
    fn numbers_are_written_as_the_specification_says() {
        // From the LEB128 definition: 624485 is E5 8E 26, -123456 is C0 BB 78.
        let mut out = Vec::new();
        put_u32(&mut out, 624_485);
        put_i32_const(&mut out, -123_456);
        assert_eq!(out, b"\xe5\x8e\x26\x41\xc0\xbb\x78\x0b");
        assert_eq!(Reader { bytes: &out, at: 0 }.u32(), Ok(624_485));
    }

    #[test]
    fn broken_binaries_are_errors() {
        for end in 0..SMALL.len() {
            // Cut between two sections it is a shorter binary, else none.
            if ![8, 13, 22, 34, 43].contains(&end) {
                assert!(instrumented(&SMALL[..end]).is_err(), "{end}");
            }
        }
        assert!(instrumented(b"\0asm\x0d\0\x01\0").is_err());
        assert!(instrumented(b"\0asm\x01\0\0\0\x05\xff\xff\xff\xff\xff").is_err());
        let bounded = b"\0asm\x01\0\0\0\x05\x04\x01\x01\x01\x02";
        assert!(frozen(bounded, &[], 0, 0).is_err());
        let two_globals = b"\0asm\x01\0\0\0\x06\x0b\x02\x7f\x01\x41\x00\x0b\x7f\x01\x41\x00\x0b";
        assert!(frozen(two_globals, &[], 0, 0).is_err());
    }
}
