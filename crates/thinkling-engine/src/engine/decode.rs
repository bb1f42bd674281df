//! The engine as what `thinkling-sampling`'s loop decodes with.

use super::{Decoder, Engine, LOGITS_ROWS, Prompt, Running};
use crate::conversation::Conversation;
use crate::segments::Segment;
use crate::{EngineError, MAX_BANNED, Row, Step};
use std::sync::Arc;
use thinkling_sampling::generate::{Decode, EachToken, Logits};
use thinkling_sampling::{Sampled, SamplingParams};

impl Decode for Engine {
    type Error = EngineError;

    fn vocab_size(&self) -> usize {
        self.config.vocab_size
    }

    fn context(&self) -> usize {
        self.context
    }

    fn is_flexible(&self) -> bool {
        true
    }

    async fn prefill(
        &mut self,
        prompts: &[Vec<u32>],
        mut each: Option<EachToken<'_>>,
    ) -> Result<Logits, EngineError> {
        let kept = self.place_prompts(prompts, each.is_some())?;
        let mut logits = Logits { values: Vec::new(), vocab: self.config.vocab_size };
        let tokens = prompts.iter().enumerate();
        let mut tokens =
            tokens.flat_map(|(p, ids)| (kept..ids.len()).map(move |t| (p, t))).peekable();
        let is_last = |(prompt, token): (usize, usize)| token + 1 == prompts[prompt].len();
        while tokens.peek().is_some() {
            self.go_on().await?;
            let (mut ids, mut rows, mut wanted) = (Vec::new(), Vec::new(), Vec::new());
            let mut seen = Vec::new();
            while rows.len() < self.prompt_rows
                && wanted.len() < LOGITS_ROWS
                && let Some(place) = tokens.next()
            {
                let (prompt, token) = place;
                if each.is_some() || is_last(place) {
                    wanted.push(rows.len());
                    seen.push(place);
                }
                ids.push(prompts[prompt][token]);
                rows.push(Row::alone(self.place(&self.prompts[prompt]).start, token));
            }
            let mut values = self.decoder.logits(&ids, &rows, &wanted).await?;
            if let (Some(conversation), Some(Prompt::Conversation { .. })) =
                (&mut self.conversation, self.prompts.first())
            {
                conversation.ids.extend_from_slice(&ids);
            }
            for (place, row) in
                seen.into_iter().zip(values.chunks_exact_mut(self.config.vocab_size))
            {
                match &mut each {
                    _ if is_last(place) => logits.values.extend_from_slice(row),
                    Some(each) => each(place.0, place.1, row),
                    None => {}
                }
            }
        }
        Ok(logits)
    }

    async fn add_rows(&mut self, prompts: &[usize], max_tokens: usize) -> Result<(), EngineError> {
        let known = std::mem::take(&mut self.prompts);
        let places: Vec<Segment> = known.iter().map(|prompt| self.place(prompt)).collect();
        for &prompt in prompts {
            // The last token of a completion is drawn, never run.
            let most = max_tokens.min(self.context - places[prompt].len);
            let fits =
                |conversation: &Conversation| places[prompt].len + most <= conversation.segment.len;
            if matches!(known[prompt], Prompt::Conversation { .. })
                && prompts.len() == 1
                && self.conversation.as_ref().is_some_and(fits)
            {
                self.rows.push(Running::Conversation);
                continue;
            }
            let own = self.segments.take(self.row_room(places[prompt].len, max_tokens))?;
            self.rows.push(Running::Apart { prompt: known[prompt].clone(), own, len: 0 });
        }
        self.drop_prompts(known);
        if let Some(follower) = &mut self.follower {
            follower.add_rows(prompts.len());
        }
        Ok(())
    }

    async fn step(&mut self, ids: &[u32], logits: &mut Logits) -> Result<(), EngineError> {
        self.go_on().await?;
        let (rows, wanted) = self.next_rows();
        logits.vocab = self.config.vocab_size;
        logits.values = self.decoder.logits(ids, &rows, &wanted).await?;
        self.have_run(ids);
        Ok(())
    }

    fn has_room(&self, prompt_tokens: usize, rows: usize, max_tokens: usize) -> bool {
        let mut segments = self.segments.clone();
        // Those that the last prefill left and no row reads.
        for prompt in &self.prompts {
            if let Prompt::Own { place, .. } = prompt
                && Arc::strong_count(place) == 1
            {
                segments.give_back(**place);
            }
        }
        let room = self.row_room(prompt_tokens, max_tokens);
        let prompt = segments.take_last(prompt_tokens.max(self.prompt_tokens));
        prompt.is_ok() && (0..rows).all(|_| segments.take(room).is_ok())
    }

    fn steps_at_once(&self, banned: usize) -> usize {
        match &self.decoder {
            Decoder::Gpu(_) if banned <= MAX_BANNED => self.steps_at_once,
            _ => 0,
        }
    }

    async fn draw_steps(
        &mut self,
        ids: &[u32],
        sampling: &[SamplingParams],
        banned: &[u32],
        uniforms: &[Vec<f64>],
    ) -> Result<Vec<Vec<Sampled>>, EngineError> {
        self.go_on().await?;
        let (rows, _) = self.next_rows();
        let Decoder::Gpu(decoder) = &self.decoder else {
            unreachable!("only a GPU draws");
        };
        let step = |(index, uniforms): (u32, &Vec<f64>)| Step {
            rows: rows.iter().map(|row| row.later(index)).collect(),
            draws: uniforms.iter().map(|&x| x as f32).collect(),
        };
        let steps: Vec<Step> = (0..).zip(uniforms).map(step).collect();
        let drawn = decoder.sample(ids, &steps, sampling, banned).await?;
        if let Some(follower) = &mut self.follower {
            follower.drawn(decoder, ids, &drawn).await?;
        }
        self.have_run(ids);
        let sampled = |(id, logprob): (u32, f32)| Sampled { id, logprob: f64::from(logprob) };
        let drawn: Vec<Vec<Sampled>> =
            drawn.into_iter().map(|step| step.into_iter().map(sampled).collect()).collect();
        for step in &drawn[..drawn.len().saturating_sub(1)] {
            let ids: Vec<u32> = step.iter().map(|sampled| sampled.id).collect();
            self.have_run(&ids);
        }
        Ok(drawn)
    }

    fn keep_rows(&mut self, keep: &dyn Fn(usize) -> bool) {
        if let Some(follower) = &mut self.follower {
            follower.keep_rows(keep);
        }
        let mut ended = Vec::new();
        for (index, row) in std::mem::take(&mut self.rows).into_iter().enumerate() {
            match row {
                row if keep(index) => self.rows.push(row),
                Running::Apart { prompt, own, .. } => {
                    self.segments.give_back(own);
                    ended.push(prompt);
                }
                Running::Conversation => {}
            }
        }
        self.drop_prompts(ended);
    }
}
