"""How the programs that encrypt are started: Syncthing, and scp with an sshd of its own."""

import os
import re

import programs
from harness import Missing, need


class Syncthing:
    """A Syncthing that shares one folder, without discovery, relays or NAT traversal."""

    def __init__(self, stage, name, folder):
        self.stage, self.home, self.folder = stage, stage.new_folder(f"syncthing-{name}"), folder
        self.port = stage.lab.free_port()
        generate = stage.start([need("syncthing"), "generate", f"--home={self.home}",
                                "--no-default-folder", "--skip-port-probing"], pipe=True,
                               env={**os.environ, "HOME": self.home})
        generate.wait()
        with open(os.path.join(self.home, "config.xml"), encoding="utf-8") as file:
            self.id = re.search(r'<device id="([A-Z0-9-]+)"', file.read())[1]
        # Its mark of a folder that may be synchronized.
        os.makedirs(os.path.join(folder, ".stfolder"), exist_ok=True)

    def start(self, other, kind):
        """Starts it; `other` is the Syncthing that it shares the folder with."""
        config = f"""<configuration version="36">
  <folder id="books" path="{self.folder}" type="{kind}" rescanIntervalS="86400"
          fsWatcherEnabled="false">
    <filesystemType>basic</filesystemType>
    <device id="{self.id}"/><device id="{other.id}"/>
    <minDiskFree unit="">0</minDiskFree>
  </folder>
  <device id="{self.id}" compression="never"><address>dynamic</address></device>
  <device id="{other.id}" compression="never">
    <address>tcp://{programs.LOOPBACK}:{other.port}</address>
  </device>
  <gui enabled="false"/>
  <options>
    <listenAddress>tcp://{programs.LOOPBACK}:{self.port}</listenAddress>
    <globalAnnounceEnabled>false</globalAnnounceEnabled>
    <localAnnounceEnabled>false</localAnnounceEnabled>
    <relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled>
    <startBrowser>false</startBrowser><reconnectionIntervalS>1</reconnectionIntervalS>
    <urAccepted>-1</urAccepted><autoUpgradeIntervalH>0</autoUpgradeIntervalH>
    <crashReportingEnabled>false</crashReportingEnabled>
  </options>
</configuration>"""
        with open(os.path.join(self.home, "config.xml"), "w", encoding="utf-8") as file:
            file.write(config)
        process = self.stage.start(
            [need("syncthing"), "serve", f"--home={self.home}", "--no-browser", "--no-upgrade",
             "--no-default-folder"], pipe=True, env={**os.environ, "HOME": self.home,
                                                    "STNORESTART": "1", "STNOUPGRADE": "1"})
        process.wait_until_listening(self.port)
        return process


def scp(stage, path):
    """Starts an sshd; returns the command that fetches a file from it, without its target."""
    if os.geteuid() != 0:
        raise Missing("sshd needs root")
    folder, port = stage.new_folder("ssh"), stage.lab.free_port()
    keys = {}
    for name in ("host", "user"):
        keys[name] = os.path.join(folder, name)
        stage.run([need("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", keys[name]])
    os.makedirs("/run/sshd", exist_ok=True)
    config = os.path.join(folder, "config")
    with open(config, "w", encoding="ascii") as file:
        file.write(f"Port {port}\nListenAddress {programs.LOOPBACK}\nHostKey {keys['host']}\n"
                   f"AuthorizedKeysFile {keys['user']}.pub\nStrictModes no\nUsePAM no\n"
                   f"PidFile none\nSubsystem sftp internal-sftp\nPermitRootLogin yes\n")
    server = stage.start([need("sshd"), "-D", "-e", "-f", config])
    server.wait_until_listening(port)
    return [need("scp"), "-q", "-P", str(port), "-i", keys["user"], "-o", "StrictHostKeyChecking=no",
            "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes",
            f"root@{programs.LOOPBACK}:{path}"]
