"""An example plugin for taskfusion: slips of hand-written digits, and a task on each of the three levels."""
