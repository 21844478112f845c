"""A machine below a folder, for the node scripts: KEXP_ROOT names it, and its `bin` holds the programs that they ask.

`FakeNode(folder)` makes it as a Debian with swap, a firewall and a busy CPU; `run(script)` runs a script on it. Its state is
files alone, so that two moments can be compared by `tree()`.
"""

import os
import subprocess
from pathlib import Path

PROGRAMS = ("apt-get apt-mark chronyc containerd curl dpkg-query hostname ip modprobe sleep swapoff swapon sysctl systemctl "
            "systemd-escape").split()

CPU = "sys/devices/system/cpu"


class FakeNode:
    def __init__(self, folder):
        self.root = Path(folder)
        for path, text in self.initial_files().items():
            self.write(path, text)
        for package in ("apt", "ca-certificates", "systemd-timesyncd", "ufw"):
            self.write(f"db/package/{package}", "1.0")
        for unit in ("systemd-timesyncd", "ufw"):
            self.write(f"db/active/{unit}", "")
            self.write(f"db/enabled/{unit}", "")
        for folder in ("etc/NetworkManager/conf.d", "etc/apt/sources.list.d", "usr/local", "var/lib", "sys/module"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "bin").mkdir()
        for program in PROGRAMS:
            (self.root / "bin" / program).symlink_to(Path(__file__).resolve().parent / "fake_programs.sh")

    @staticmethod
    def initial_files():
        files = {
            "etc/debian_version": "12.5\n",
            "etc/os-release": "ID=debian\nVERSION_CODENAME=bookworm\n",
            "etc/group": "root:x:0:\nrender:x:105:\n",
            "etc/fstab": "# /etc/fstab\nUUID=1 / ext4 defaults 0 1\nUUID=2 none swap sw 0 0\n/swap.img\tnone\tswap\tsw\t0\t0\n",
            "proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2 partition 8388604 0 -2\n",
            "proc/meminfo": "MemTotal:       16265780 kB\n",
            "proc/net/tcp": "  sl  local_address rem_address   st\n   0: 0100007F:0CEA 00000000:0000 0A\n",
            "proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
            "proc/sys/net/ipv4/ip_forward": "0\n",
            "sys/fs/cgroup/cgroup.controllers": "cpu memory\n",
            "db/hostname": "worker1\n",
            "db/ip-address": "2: eth0    inet 192.168.1.161/24 brd 192.168.1.255 scope global eth0\n",
            "db/ip-route": "default via 192.168.1.1 dev eth0\n192.168.1.0/24 dev eth0 proto kernel\n",
            "db/chronyc": "Leap status     : Normal\nSystem time     : 0.000012 seconds slow of NTP time\n",
            f"{CPU}/online": "0-3\n",
            f"{CPU}/cpu0/topology/thread_siblings_list": "0\n",
            f"{CPU}/smt/control": "on\n",
            f"{CPU}/intel_pstate/no_turbo": "0\n",
        }
        for policy in range(2):
            files |= {f"{CPU}/cpufreq/policy{policy}/{name}": f"{value}\n" for name, value in {
                "scaling_governor": "powersave", "cpuinfo_max_freq": 4700000, "base_frequency": 2800000,
                "scaling_max_freq": 4700000, "scaling_min_freq": 400000}.items()}
        for zone, (name, energy) in {"intel-rapl:0": ("package-0", 1000), "intel-rapl:0:0": ("core", 400),
                                     "intel-rapl:0:1": ("uncore", 7)}.items():
            files |= {f"sys/class/powercap/{zone}/name": f"{name}\n", f"sys/class/powercap/{zone}/energy_uj": f"{energy}\n"}
        return files

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def read(self, path):
        return (self.root / path).read_text()

    def exists(self, path):
        return (self.root / path).exists()

    def run(self, script, *args, env=None):
        return subprocess.run([script, *args], env={**os.environ, "KEXP_ROOT": str(self.root), **(env or {})},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)

    def calls(self):
        return self.read("calls").splitlines() if self.exists("calls") else []

    def tree(self):
        """Every file's mode and text, every folder; but for the programs and their calls."""
        tree = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if name == "calls" or name.split("/")[0] == "bin":
                continue
            tree[name] = (oct(path.stat().st_mode), path.read_text() if path.is_file() else None)
        return tree

