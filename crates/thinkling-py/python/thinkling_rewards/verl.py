"""What verl's ``custom_reward_function.path`` names: a file with ``compute_score``.

verl loads the file by its path and not as a part of this package, so the import is absolute.
"""

from thinkling_rewards import compute_score

__all__ = ["compute_score"]
