// What a row of a pass sees: a prompt, which several rows may share, then its own tokens up to itself.
struct Row {
    prompt_start: u32,
    prompt_len: u32,
    own_start: u32,
    own_len: u32, // itself included
    position: u32,
}
