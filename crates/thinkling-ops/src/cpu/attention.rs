//! Attention over packed sequences, forward and backward, without a `[tokens, tokens]` tensor.
//!
//! A group is a prompt with the sequences that follow it, or one sequence alone; groups do not see
//! each other. A task is one group and one key head: it gathers its heads into compact blocks and
//! walks its sequences by blocks of queries, so that scores never exceed
//! `[QUERY_BLOCK, prefix + sequence]`. The backward pass computes the probabilities again.

use crate::attention::{Heads, PackedSequence};
use crate::cpu::linear::multiply;
use crate::host::HostFunction;
use std::sync::Arc;
use thinkling_cpu::math::dot;
use thinkling_cpu::matmul::View;
use thinkling_cpu::rows::softmax;
use thinkling_cpu::threads::{chunks_mut, pieces_mut};
use thinkling_cpu::vectorised;

/// Queries whose scores are held at once.
const QUERY_BLOCK: usize = 64;

/// A sequence by its tokens' places inside its group.
#[derive(Clone, Copy, Debug)]
struct Member {
    start: usize,
    len: usize,
    prefix_start: usize,
    prefix_len: usize,
}

/// Sequences that share a prefix.
#[derive(Clone, Debug, Default)]
struct Group {
    members: Vec<Member>,
    /// Token of the batch for each of the group's own places.
    tokens: Vec<usize>,
}

/// All groups of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    groups: Vec<Group>,
    tokens: usize,
}

impl Groups {
    pub(crate) fn new(sequences: &[PackedSequence], starts: &[usize]) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let mut group_of = vec![0; sequences.len()];
        for (i, sequence) in sequences.iter().enumerate() {
            let g = match sequence.prefix {
                Some(prefix) => group_of[prefix],
                None => {
                    groups.push(Group::default());
                    groups.len() - 1
                }
            };
            group_of[i] = g;
            let group = &mut groups[g];
            // A prefix is its group's first member.
            let prefix_len = group.members.first().filter(|_| sequence.prefix.is_some());
            let prefix_len = prefix_len.map_or(0, |prefix| prefix.len);
            let start = group.tokens.len();
            group.members.push(Member { start, len: sequence.len, prefix_start: 0, prefix_len });
            group.tokens.extend(starts[i]..starts[i] + sequence.len);
        }
        let tokens = sequences.iter().map(|s| s.len).sum();
        Self { groups, tokens }
    }
}

/// Input `[tokens, (heads + 2 * kv_heads) * head_dim]`, output `[tokens, heads * head_dim]`.
#[derive(Debug)]
pub(crate) struct PackedAttention {
    pub(crate) groups: Arc<Groups>,
    pub(crate) heads: Heads,
}

/// One task's heads, gathered: `q` is `[repeat, tokens, head_dim]` and scaled, `k` and `v`
/// `[tokens, head_dim]`.
struct Gathered {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
}

/// A block of queries of one member and the keys it sees.
#[derive(Clone, Copy)]
struct Span {
    query: usize,
    queries: usize,
    prefix: usize,
    prefix_len: usize,
    own: usize,
    /// Own keys up to the block's last query.
    own_len: usize,
    /// Own keys before the block's first query.
    before: usize,
}

impl Span {
    #[inline(always)]
    fn keys(&self) -> usize {
        self.prefix_len + self.own_len
    }

    /// Keys that query `i` of the block sees.
    #[inline(always)]
    fn visible(&self, i: usize) -> usize {
        self.prefix_len + self.before + i + 1
    }
}

fn spans(group: &Group) -> impl Iterator<Item = Span> + '_ {
    group.members.iter().flat_map(|m| {
        (0..m.len).step_by(QUERY_BLOCK).map(|from| {
            let queries = QUERY_BLOCK.min(m.len - from);
            Span {
                query: m.start + from,
                queries,
                prefix: m.prefix_start,
                prefix_len: m.prefix_len,
                own: m.start,
                own_len: from + queries,
                before: from,
            }
        })
    })
}

impl PackedAttention {
    fn scale(&self) -> f32 {
        1.0 / (self.heads.head_dim as f32).sqrt()
    }

    /// `(group, key head)` of a task.
    fn task(&self, task: usize) -> (&Group, usize) {
        (&self.groups.groups[task / self.heads.kv_heads], task % self.heads.kv_heads)
    }

    fn tasks(&self) -> usize {
        self.groups.groups.len() * self.heads.kv_heads
    }

    fn gather(&self, group: &Group, kv: usize, qkv: &[f32]) -> Gathered {
        let Heads { heads, kv_heads, head_dim: d } = self.heads;
        let (width, repeat, scale) = (self.heads.width(), self.heads.repeat(), self.scale());
        let mut q = Vec::with_capacity(repeat * group.tokens.len() * d);
        for r in 0..repeat {
            for &token in &group.tokens {
                let from = token * width + (kv * repeat + r) * d;
                q.extend(qkv[from..from + d].iter().map(|x| x * scale));
            }
        }
        let head = |h: usize| {
            let mut out = Vec::with_capacity(group.tokens.len() * d);
            for &token in &group.tokens {
                let from = token * width + h * d;
                out.extend_from_slice(&qkv[from..from + d]);
            }
            out
        };
        Gathered { q, k: head(heads + kv), v: head(heads + kv_heads + kv) }
    }

    /// Probabilities of a span into `p` (`[queries, keys]`, masked keys 0).
    fn probabilities(&self, span: Span, q: &[f32], k: &[f32], p: &mut [f32]) {
        let d = self.heads.head_dim;
        products(span, d, q, k, p);
        let keys = span.keys();
        masked_softmax(span, &mut p[..span.queries * keys]);
    }
}

vectorised! {
    fn masked_softmax(span: Span, p: &mut [f32]) {
        for (i, row) in p.chunks_exact_mut(span.keys()).enumerate() {
            let (seen, hidden) = row.split_at_mut(span.visible(i));
            softmax(seen);
            hidden.fill(0.0);
        }
    }
}

vectorised! {
    /// `dS = P (dP - rowsum(P dP))` in place of `dP`, rows of `keys` values.
    fn score_grads(p: &[f32], keys: usize, dp: &mut [f32]) {
        for (dp, p) in dp.chunks_exact_mut(keys).zip(p.chunks_exact(keys)) {
            let sum = dot(dp, p);
            dp.iter_mut().zip(p).for_each(|(dp, p)| *dp = p * (*dp - sum));
        }
    }
}

/// `a K^T` over prefix and own keys: `a` holds the span's rows of `d` values.
fn products(span: Span, d: usize, a: &[f32], keys: &[f32], out: &mut [f32]) {
    let (m, width) = (span.queries, span.keys());
    let a = View::rows(&a[span.query * d..], d);
    let none = gemm::Parallelism::None;
    if span.prefix_len > 0 {
        let prefix = View::rows(&keys[span.prefix * d..], d).t();
        multiply([m, d, span.prefix_len], a, prefix, out, width, (1.0, false), none);
    }
    let own = View::rows(&keys[span.own * d..], d).t();
    let out = &mut out[span.prefix_len..];
    multiply([m, d, span.own_len], a, own, out, width, (1.0, false), none);
}

/// `out += p X` over prefix and own rows of `x`, scaled; `out` holds the span's rows.
fn weighted(span: Span, d: usize, p: &[f32], x: &[f32], out: &mut [f32], scale: f32) {
    let (m, width) = (span.queries, span.keys());
    let out = &mut out[span.query * d..];
    let none = gemm::Parallelism::None;
    if span.prefix_len > 0 {
        let (p, x) = (View::rows(p, width), View::rows(&x[span.prefix * d..], d));
        multiply([m, span.prefix_len, d], p, x, out, d, (scale, true), none);
    }
    let (p, x) = (View::rows(&p[span.prefix_len..], width), View::rows(&x[span.own * d..], d));
    multiply([m, span.own_len, d], p, x, out, d, (scale, true), none);
}

/// `out += p^T A` into prefix and own rows of `out`; `a` holds the span's rows.
fn spread(span: Span, d: usize, p: &[f32], a: &[f32], out: &mut [f32]) {
    let (m, width) = (span.queries, span.keys());
    let a = View::rows(&a[span.query * d..], d);
    let none = gemm::Parallelism::None;
    if span.prefix_len > 0 {
        let p = View::rows(p, width).t();
        let out = &mut out[span.prefix * d..];
        multiply([span.prefix_len, m, d], p, a, out, d, (1.0, true), none);
    }
    let p = View::rows(&p[span.prefix_len..], width).t();
    multiply([span.own_len, m, d], p, a, &mut out[span.own * d..], d, (1.0, true), none);
}

impl HostFunction for PackedAttention {
    fn names(&self) -> [&'static str; 2] {
        ["attention forward", "attention backward"]
    }

    fn shape(&self, inputs: &[&[usize]]) -> Vec<usize> {
        vec![inputs[0][0], self.heads.heads * self.heads.head_dim]
    }

    fn forward(&self, inputs: &[&[f32]], out: &mut [f32]) {
        let (repeat, d) = (self.heads.repeat(), self.heads.head_dim);
        let mut blocks = vec![0f32; out.len()];
        let lens = (0..self.tasks()).map(|t| self.task(t).0.tokens.len() * repeat * d);
        pieces_mut(&mut blocks, lens, |task, block| {
            let (group, kv) = self.task(task);
            let x = self.gather(group, kv, inputs[0]);
            let head = group.tokens.len() * d;
            let mut p = Vec::new();
            for span in spans(group) {
                p.resize(span.queries * span.keys(), 0.0);
                for r in 0..repeat {
                    let range = r * head..(r + 1) * head;
                    self.probabilities(span, &x.q[range.clone()], &x.k, &mut p);
                    weighted(span, d, &p, &x.v, &mut block[range], 1.0);
                }
            }
        });
        self.scatter(&blocks, out);
    }

    /// With `P` the probabilities: `dV = P^T dO`, `dS = P (dO V^T - rowsum(P dO V^T))`,
    /// `dQ = dS K / sqrt(d)`, `dK = dS^T Q / sqrt(d)`.
    fn backward(&self, inputs: &[&[f32]], grad: &[f32], grads: &mut [Vec<f32>]) {
        let Heads { heads, kv_heads, head_dim: d } = self.heads;
        let repeat = self.heads.repeat();
        let mut blocks = vec![0f32; self.groups.tokens * kv_heads * (repeat + 2) * d];
        let lens = (0..self.tasks()).map(|t| self.task(t).0.tokens.len() * (repeat + 2) * d);
        pieces_mut(&mut blocks, lens, |task, block| {
            let (group, kv) = self.task(task);
            let x = self.gather(group, kv, inputs[0]);
            let head = group.tokens.len() * d;
            let (dq, dkv) = block.split_at_mut(repeat * head);
            let (dk, dv) = dkv.split_at_mut(head);
            let mut dout = Vec::with_capacity(repeat * head);
            for r in 0..repeat {
                for &token in &group.tokens {
                    let from = (token * heads + kv * repeat + r) * d;
                    dout.extend_from_slice(&grad[from..from + d]);
                }
            }
            let (mut p, mut dp) = (Vec::new(), Vec::new());
            for span in spans(group) {
                let keys = span.keys();
                p.resize(span.queries * keys, 0.0);
                dp.resize(span.queries * keys, 0.0);
                for r in 0..repeat {
                    let range = r * head..(r + 1) * head;
                    let (q, dout) = (&x.q[range.clone()], &dout[range.clone()]);
                    self.probabilities(span, q, &x.k, &mut p);
                    spread(span, d, &p, dout, dv);
                    products(span, d, dout, &x.v, &mut dp);
                    score_grads(&p, keys, &mut dp);
                    weighted(span, d, &dp, &x.k, &mut dq[range], self.scale());
                    // q carries the scale already.
                    spread(span, d, &dp, q, dk);
                }
            }
        });
        self.scatter_grads(&blocks, &mut grads[0]);
    }
}

impl PackedAttention {
    /// Where each token's task blocks begin, and its place in its group: `(block of key head 0,
    /// group tokens, place)`, blocks of `per_head` heads a key head.
    fn places(&self, per_head: usize) -> Vec<(usize, usize, usize)> {
        let (kv_heads, d) = (self.heads.kv_heads, self.heads.head_dim);
        let mut places = vec![(0, 0, 0); self.groups.tokens];
        let mut start = 0;
        for group in &self.groups.groups {
            let count = group.tokens.len();
            for (place, &token) in group.tokens.iter().enumerate() {
                places[token] = (start, count, place);
            }
            start += count * kv_heads * per_head * d;
        }
        places
    }

    /// Blocks `[repeat, tokens, head_dim]` of each task into rows of all query heads.
    fn scatter(&self, blocks: &[f32], out: &mut [f32]) {
        let (heads, repeat, d) = (self.heads.heads, self.heads.repeat(), self.heads.head_dim);
        let places = self.places(repeat);
        chunks_mut(out, heads * d, |token, row| {
            let (start, count, place) = places[token];
            for (head, out) in row.chunks_exact_mut(d).enumerate() {
                let from = start + (head * count + place) * d;
                out.copy_from_slice(&blocks[from..from + d]);
            }
        });
    }

    /// Blocks `[dq of repeat heads, dk, dv]` of each task into fused rows.
    fn scatter_grads(&self, blocks: &[f32], out: &mut [f32]) {
        let Heads { heads, kv_heads, head_dim: d } = self.heads;
        let repeat = self.heads.repeat();
        let places = self.places(repeat + 2);
        chunks_mut(out, self.heads.width(), |token, row| {
            let (start, count, place) = places[token];
            for kv in 0..kv_heads {
                for part in 0..repeat + 2 {
                    let from = start + ((kv * (repeat + 2) + part) * count + place) * d;
                    let head = match part.checked_sub(repeat) {
                        None => kv * repeat + part,
                        Some(0) => heads + kv,
                        Some(_) => heads + kv_heads + kv,
                    };
                    row[head * d..(head + 1) * d].copy_from_slice(&blocks[from..from + d]);
                }
            }
        });
    }
}
