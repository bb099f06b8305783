#!/usr/bin/env bash
# A SLURM of one node, and the demo's folds on it: `sbatch` starts a scheduler and two workers, `spotlib study` uses them.
# Needs root and Debian's slurm-wlm and munge; leaves no daemon behind. Usage: one_node.sh FOLDER [PYTHON]
set -euo pipefail
folder=$(realpath "$1"); python=${2:-python}
here=$(cd "$(dirname "$0")" && pwd); checkout=$(cd "$here/../../.." && pwd)
mkdir -p "$folder"/{state,spool,munge}
host=$(hostname -s)

dd if=/dev/urandom of="$folder/munge/key" bs=128 count=1 status=none
chown -R munge: "$folder/munge"; chmod 700 "$folder/munge"; chmod 600 "$folder/munge/key"; chmod a+x "$folder"
cat > "$folder/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
CryptoType=crypto/munge
SlurmUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
CONF
export SLURM_CONF=$folder/slurm.conf

daemons=()
stop() {
  scancel --me 2>/dev/null || true
  sleep 2
  for pid in "${daemons[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
}
trap stop EXIT

runuser -u munge -- munged --foreground --force --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
  --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" --seed-file="$folder/munge/seed" & daemons+=($!)
chmod a+rx "$folder/munge"
for _ in $(seq 50); do [ -S "$folder/munge/socket" ] && break; sleep 0.2; done
slurmctld -D > "$folder/slurmctld.log" 2>&1 & daemons+=($!)
slurmd -D > "$folder/slurmd.log" 2>&1 & daemons+=($!)
for _ in $(seq 100); do sinfo -h -o %T 2>/dev/null | grep -q idle && break; sleep 0.3; done
sinfo

cd "$checkout"
export PATH=$(dirname "$(realpath -s "$(command -v "$python")")"):$PATH
export SPOTLIB_TRUST_NETWORK=1  # one machine
sbatch --output="$folder/job.log" --ntasks=2 --overcommit --time=30 "$here/workers.sbatch" "$folder/scheduler.json"
for _ in $(seq 300); do [ -s "$folder/scheduler.json" ] && break; sleep 0.2; done
squeue
begin=$(date +%s)
"$python" -m spotlib.cli study "$here/small.yaml" --results "$folder/slurm" --device cpu --scheduler-file "$folder/scheduler.json"
echo "on SLURM: $(( $(date +%s) - begin )) s"
scancel --me
"$python" -m spotlib.cli study "$here/small.yaml" --results "$folder/pool" --device cpu --workers 2
for table in "$folder"/pool/demo/tables/*.csv; do
  cmp "$table" "$folder/slurm/demo/tables/$(basename "$table")" && echo "$(basename "$table"): the same to the byte"
done
