//! The screen of `thinkling review`: what is shown, what keys do, and the terminal below.

mod app;
mod buffer;
mod document;
mod editor;
mod style;
mod terminal;
mod view;
mod wrap;

pub(crate) use terminal::on_terminal;
