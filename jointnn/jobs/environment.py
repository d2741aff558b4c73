"""The environment that lets glibc keep the memory that a job frees."""

KEEP_FREED = {"MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 33)}
"""Variables of the environment, in bytes. By itself glibc gives blocks of megabytes, such as activations,
back to the system and asks for them again in every step, and each time the system fills them with zeros.
One variable without the other makes that worse, and glibc before 2.35 takes no more than this of the first.
Other C libraries ignore them."""
