"""etcd on the hosts, one member each: where several daemons meet. It lives on the host's own disk, power cuts included."""

from base import write_text
from host import all_hosts

CLIENTS, PEERS = 2379, 2380
DATA = "/var/lib/ballast-etcd"
PKI = "/etc/ballast-etcd"
_TLS = f"--client-cert-auth --trusted-ca-file {PKI}/ca.pem --cert-file {PKI}/host.pem --key-file {PKI}/host.key"
_UNIT = """[Unit]
Description=etcd of the testbed
After=network.target
[Service]
Type=notify
ExecStart=/usr/bin/etcd --name {name} --data-dir {data} --initial-cluster {cluster} --initial-cluster-state new \
  --listen-client-urls {scheme}://{ip}:{clients} --advertise-client-urls {scheme}://{ip}:{clients} {tls} \
  --listen-peer-urls http://{ip}:{peers} --initial-advertise-peer-urls http://{ip}:{peers} \
  --heartbeat-interval 200 --election-timeout 2000 --log-level warn
Restart=on-failure
TimeoutStartSec=120
[Install]
WantedBy=multi-user.target
"""


def endpoints(scheme="http"):
    """The members' URLs, by names that are in /etc/hosts alone: no DNS server answers in the hosts."""
    return [f"{scheme}://{host.name}:{CLIENTS}" for host in all_hosts()]


def start_fresh(certificates=None):
    """An empty etcd on all hosts; returns when each member serves. `certificates`: a folder with ca.pem, and HOST.pem and
    HOST.key of each host; clients then need one of that authority."""
    hosts = all_hosts()
    stop()
    cluster = ",".join(f"{host.name}=http://{host.ip}:{PEERS}" for host in hosts)
    for host in hosts:
        host.run(["rm", "-rf", DATA])
        for kind in ("ca.pem", "host.pem", "host.key") if certificates else ():
            host.install(f"{certificates}/{kind.replace('host', host.name)}", f"{PKI}/{kind}", 0o600)
        unit = _UNIT.format(name=host.name, data=DATA, cluster=cluster, ip=host.ip, clients=CLIENTS, peers=PEERS,
                            scheme="https" if certificates else "http", tls=_TLS if certificates else "")
        write_text(host.path("/etc/systemd/system/ballast-etcd.service"), unit, 0o644)
        host.run(["systemctl", "daemon-reload"])
        host.run(["systemctl", "enable", "--quiet", "ballast-etcd"])
    start()


def start():
    """Starts what members do not run; returns when each serves."""
    for host in all_hosts():
        host.run(["systemctl", "reset-failed", "ballast-etcd"], check=False)
        host.run(["systemctl", "start", "--no-block", "ballast-etcd"])  # each waits for the others
    for host in all_hosts():
        host.run(["systemctl", "start", "ballast-etcd"], timeout=120)


def fill_disk(host):
    """The member's data on a disk of their own that is full, and the member killed: it cannot start any more."""
    host.run(["sh", "-ec", f"""systemctl stop ballast-etcd
        mkdir -p {DATA}.small && mount -t tmpfs -o size=200m ballast-etcd {DATA}.small
        mv {DATA} {DATA}.small/data && mkdir {DATA} && mount --bind {DATA}.small/data {DATA}
        systemctl start ballast-etcd
        dd if=/dev/zero of={DATA}.small/filler bs=64k 2>/dev/null || true
        systemctl kill --signal=KILL ballast-etcd"""], timeout=120)


def free_disk(host):
    """Takes back what fill_disk() did, and starts the member."""
    host.run(["sh", "-ec", f"""mountpoint -q {DATA} || exit 0
        systemctl stop ballast-etcd
        umount {DATA} && rmdir {DATA} && mv {DATA}.small/data {DATA} && umount {DATA}.small
        systemctl reset-failed ballast-etcd
        systemctl start ballast-etcd"""], timeout=120)


def stop():
    """Ends every member; the data stay."""
    for host in all_hosts():
        host.run(["systemctl", "disable", "--quiet", "--now", "ballast-etcd"], check=False)
