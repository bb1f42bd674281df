//! A server on a free port of this machine, with a small model that is committed, and its clients.

mod bounds;
mod chat;
mod client;
mod completions;
mod served;
mod sockets;
mod weights;
