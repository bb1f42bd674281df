//! The screen of `thinkling review`: what is shown, what keys do, and the terminal below.

mod app;
mod document;
mod editor;
mod style;
mod terminal;
mod view;

pub(crate) use terminal::{end_with_the_terminal, on_terminal};
