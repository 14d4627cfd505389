#!/bin/sh
# The power side of one BMC: ipmi_sim runs it for every chassis command and waits for it.
#   chassis get power | chassis set power 0|1 | chassis set reset 1 | chassis set shutdown 1
# It is called by its link in the BMC's folder. What takes time is put into the folder `orders` and done by a process of its
# own, in the order given. The folder `faults` holds a file for each fault, with its count. Shell without forks, because a
# status is asked often and Python takes 50 ms to start.

bmc=${0%/*}
host=${bmc##*/}

# The host is on while its nspawn has a living first process; both may stay as zombies. Sets `power`.
look() {
  power=0
  read -r record <"$bmc/../../hosts/$host/nspawn.json" || [ -n "$record" ] || return
  pid=${record#*\"pid\": } && pid=${pid%%[!0-9]*}
  start=${record#*\"start\": } && start=${start%%[!0-9]*}
  lives "$pid" && [ "$started" = "$start" ] || return
  read -r children <"/proc/$pid/task/$pid/children" || [ -n "$children" ] || return
  lives "${children%% *}" && power=1
} 2>/dev/null

lives() {
  read -r stat <"/proc/$1/stat" || return 1
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  started=${20}
  case $1 in Z | X) return 1 ;; esac
} 2>/dev/null

# True when the fault is on; counts it down unless its count is "always".
fault() {
  [ -f "$bmc/faults/$1" ] || return 1
  read -r count <"$bmc/faults/$1"
  case $count in
    always) ;;
    1) rm "$bmc/faults/$1" ;;
    *) echo $((count - 1)) >"$bmc/faults/$1" ;;
  esac
}

# Hands an order to a process that outlives this one; the BMC answers at once.
order() {
  read -r number <"$bmc/last-order" || exit 1
  number=$((number + 1))
  echo "$number" >"$bmc/last-order"
  echo "$1" >"$bmc/orders/$number"
  setsid "$TESTBED" _order "$host" <"/dev/null" >>"$bmc/orders.log" 2>&1 &
}

set_power() {
  case $1 in
    0)
      fault fail-off && exit 1
      fault ignore-off && exit 0
      order off
      ;;
    1)
      fault ignore-on && exit 0
      order on
      ;;
  esac
}

[ -f "$bmc/faults/slow" ] && read -r seconds <"$bmc/faults/slow" && sleep "$seconds"
case "$1 $2" in
  "get power")
    look
    fault lie && power=$((1 - power))
    echo "power:$power"
    ;;
  "get boot") echo boot:default ;;
  "set power") set_power "$3" ;;
  "set reset") order reset ;;
  "set shutdown") order shutdown ;;
  "set boot" | "set identify" | check*) ;;
  *) exit 1 ;;
esac
