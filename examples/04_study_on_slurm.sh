#!/bin/bash
# A study by a job array: 16 tasks share one folder and divide its stages, without a
# server. Tasks may start late, be killed or requeued; what one was at, others take over.
# When all stages are done every task ends, and runs/x has the results and the report.
#
#     sbatch examples/04_study_on_slurm.sh runs/x --preset laptop --seeds 5
#     vaccine-swift study --status runs/x
#
#SBATCH --job-name=defence-study
#SBATCH --array=0-15
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --output=slurm-%A_%a.log

set -euo pipefail
out=${1:?"usage: sbatch 04_study_on_slurm.sh OUT [OPTION ...]"}
shift
exec vaccine-swift study --share --threads "${SLURM_CPUS_PER_TASK:-4}" --out "$out" "$@"
