//! The processes that `mpirun` starts together, which learn together. Feature `mpi`.

use crate::failure::Failure;
use std::rc::Rc;
use thinkling_train::workers::Communicator;

/// What launchers tell a process of how many there are: Open MPI, and those that speak PMI (MPICH,
/// Intel MPI, Slurm's `srun --mpi=pmi2`).
const SIZES: [&str; 2] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"];

/// This process among the others.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) rank: usize,
    pub(crate) communicator: Rc<dyn Communicator>,
}

/// Joins the other processes; nothing where this one was started alone.
pub(crate) fn join() -> Result<Option<World>, Failure> {
    let said = |name: &&str| std::env::var(name).ok()?.parse::<usize>().ok();
    match SIZES.iter().find_map(said).unwrap_or(1) {
        0 | 1 => Ok(None),
        size => joined(size),
    }
}

#[cfg(not(feature = "mpi"))]
fn joined(size: usize) -> Result<Option<World>, Failure> {
    Err(Failure::usage(format!(
        "{size} processes were started together, and this binary has no MPI: each would train by itself. \
         Build it with `--features mpi`, or start it once"
    )))
}

/// Prints what ended this process, and ends all the others.
pub(crate) fn abort(rank: usize, failure: &Failure) -> ! {
    eprintln!("error (process {rank}): {failure}");
    end_all(failure.code())
}

#[cfg(not(feature = "mpi"))]
fn end_all(code: u8) -> ! {
    std::process::exit(code.into())
}

#[cfg(feature = "mpi")]
use with_mpi::{end_all, joined};

#[cfg(feature = "mpi")]
mod with_mpi {
    use super::World;
    use crate::failure::Failure;
    use mpi::collective::SystemOperation;
    use mpi::environment::Universe;
    use mpi::topology::SimpleCommunicator;
    use mpi::traits::{Communicator as _, Destination, Root, Source};
    use mpi::{Rank, Threading};
    use std::rc::Rc;
    use std::time::Duration;
    use thinkling_train::workers::Communicator;

    const LEADER: Rank = 0;
    /// Bytes of a message at most: MPI counts in 32 bits.
    const PIECE: usize = 1 << 30;
    /// Between two looks for the leader's next message. MPI's own wait would take a core.
    const LOOK: Duration = Duration::from_micros(200);

    /// MPI's world. Its errors are fatal to all processes, as MPI has it where nothing else is asked for.
    struct Mpi {
        world: SimpleCommunicator,
        // Ends MPI when dropped.
        _universe: Universe,
    }

    pub(super) fn joined(size: usize) -> Result<Option<World>, Failure> {
        // Threads write checkpoints and draw, and this one alone talks.
        let Some((universe, _)) = mpi::initialize_with_threading(Threading::Funneled) else {
            return Err(Failure::running("MPI was begun before"));
        };
        let world = universe.world();
        let (rank, got) = (world.rank() as usize, world.size() as usize);
        if got != size {
            return Err(Failure::running(format!(
                "the launcher started {size} processes, and MPI knows of {got}: launcher and library \
                 are not of one MPI"
            )));
        }
        let communicator = Rc::new(Mpi { world, _universe: universe });
        Ok(Some(World { rank, communicator }))
    }

    pub(super) fn end_all(code: u8) -> ! {
        SimpleCommunicator::world().abort(code.into())
    }

    impl std::fmt::Debug for Mpi {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Mpi").field("rank", &self.world.rank()).finish_non_exhaustive()
        }
    }

    impl Mpi {
        fn leads(&self) -> bool {
            self.world.rank() == LEADER
        }

        fn send(&self, to: Rank, bytes: &[u8]) {
            let process = self.world.process_at_rank(to);
            process.send(&(bytes.len() as u64));
            bytes.chunks(PIECE).for_each(|piece| process.send(piece));
        }

        fn receive(&self, from: Rank) -> Vec<u8> {
            let process = self.world.process_at_rank(from);
            let (len, _) = process.receive::<u64>();
            let mut bytes = vec![0; len as usize];
            for piece in bytes.chunks_mut(PIECE) {
                process.receive_into(piece);
            }
            bytes
        }
    }

    impl Communicator for Mpi {
        fn size(&self) -> usize {
            self.world.size() as usize
        }

        fn scatter(&self, messages: Vec<Vec<u8>>) -> Vec<u8> {
            if self.leads() {
                for (to, message) in messages.iter().enumerate().skip(1) {
                    self.send(to as Rank, message);
                }
                return Vec::new();
            }
            while self.world.process_at_rank(LEADER).immediate_probe().is_none() {
                std::thread::sleep(LOOK);
            }
            self.receive(LEADER)
        }

        fn gather(&self, own: &[u8]) -> Vec<Vec<u8>> {
            if !self.leads() {
                self.send(LEADER, own);
                return Vec::new();
            }
            let others = (1..self.world.size()).map(|from| self.receive(from));
            std::iter::once(own.to_vec()).chain(others).collect()
        }

        fn broadcast(&self, mut bytes: Vec<u8>) -> Vec<u8> {
            let leader = self.world.process_at_rank(LEADER);
            let mut len = bytes.len() as u64;
            leader.broadcast_into(&mut len);
            bytes.resize(len as usize, 0);
            for piece in bytes.chunks_mut(PIECE) {
                leader.broadcast_into(piece);
            }
            bytes
        }

        fn broadcast_values(&self, values: &mut [f32]) {
            let leader = self.world.process_at_rank(LEADER);
            for piece in values.chunks_mut(PIECE / 4) {
                leader.broadcast_into(piece);
            }
        }

        fn reduce_sum(&self, values: &mut [f32]) {
            let leader = self.world.process_at_rank(LEADER);
            if !self.leads() {
                for piece in values.chunks(PIECE / 4) {
                    leader.reduce_into(piece, SystemOperation::sum());
                }
                return;
            }
            for piece in values.chunks_mut(PIECE / 4) {
                let own = piece.to_vec();
                leader.reduce_into_root(&own[..], piece, SystemOperation::sum());
            }
        }
    }
}
