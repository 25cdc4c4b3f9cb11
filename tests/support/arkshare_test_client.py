"""Support for Python tests: stubs made from the protos, keys, and the real programs.

Import it after naming where things are in the environment: ARKSHARE_BIN (the folder of the programs),
ARKSHARE_PROTO, ARKSHARE_GOOGLE_RPC (folders of protos) and ARKSHARE_PROTOC. Importing it ends the process
with 77, after a line that begins with SKIP, when grpcio or protobuf for Python is missing.
"""

import os
import signal
import subprocess
import sys
import tempfile

try:
    import grpc
    from google.protobuf import descriptor_pb2
except ImportError as error:
    print(f"SKIP: {error}; python3-grpcio and python3-protobuf are needed")
    sys.exit(77)

BIN, PROTOS, GOOGLE_RPC, PROTOC = (
    os.environ["ARKSHARE_" + name] for name in ("BIN", "PROTO", "GOOGLE_RPC", "PROTOC"))
FOLDER = tempfile.TemporaryDirectory(prefix="arkshare-contract-")
os.chmod(FOLDER.name, 0o700)
GENERATED = os.path.join(FOLDER.name, "generated")
os.mkdir(GENERATED)
subprocess.run([PROTOC, f"-I{PROTOS}", f"-I{GOOGLE_RPC}", f"--python_out={GENERATED}",
                *(f"arkshare/v1/{name}.proto" for name in ("types", "index", "file", "peer")),
                "google/rpc/status.proto", "google/rpc/error_details.proto"], check=True)
sys.path.insert(0, GENERATED)
# google.rpc is generated beside google.protobuf, which is installed: one package, two places.
import google  # noqa: E402
google.__path__.append(os.path.join(GENERATED, "google"))
from arkshare.v1 import file_pb2, index_pb2, peer_pb2, types_pb2  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402

WAIT = 20  # seconds; how long a test waits for what should come at once


class Service:
    """Stubs made from a service's descriptor: service.Method(request) for unary calls and streams."""

    def __init__(self, channel, module, name):
        descriptor = module.DESCRIPTOR.services_by_name[name]
        for method in descriptor.methods:
            proto = descriptor_pb2.MethodDescriptorProto()
            method.CopyToProto(proto)
            kind = ("stream" if proto.client_streaming else "unary") + (
                "_stream" if proto.server_streaming else "_unary")
            setattr(self, method.name, getattr(channel, kind)(
                f"/{descriptor.full_name}/{method.name}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=getattr(sys.modules[
                    method.output_type.file.name.replace("/", ".").replace(".proto", "_pb2")],
                    method.output_type.name).FromString))


class Key:
    """An Ed25519 key that openssl keeps."""

    def __init__(self, name):
        self.path = os.path.join(FOLDER.name, name + ".pem")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.path], check=True)
        der = subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER"],
                             check=True, capture_output=True).stdout
        self.public = der[-32:]

    def sign(self, message):
        with tempfile.NamedTemporaryFile(dir=FOLDER.name) as file:
            file.write(message)
            file.flush()
            return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.path,
                                   "-in", file.name], check=True, capture_output=True).stdout


def verify(public, message, signature):
    """Whether openssl accepts an Ed25519 signature by a raw public key."""
    der = bytes.fromhex("302a300506032b6570032100") + public
    with tempfile.TemporaryDirectory(dir=FOLDER.name) as folder:
        paths = [os.path.join(folder, name) for name in ("key", "message", "signature")]
        for path, data in zip(paths, (der, message, signature)):
            with open(path, "wb") as file:
                file.write(data)
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER",
                               "-inkey", paths[0], "-in", paths[1], "-sigfile", paths[2]],
                              capture_output=True)
    return done.returncode == 0


class Program:
    """A real program of ours that serves; ended with the test."""

    def __init__(self, name, *args, env=None):
        self.lines = []  # that it printed before it served
        self.name, self.log = name, tempfile.TemporaryFile(mode="w+", dir=FOLDER.name)
        self.process = subprocess.Popen([os.path.join(BIN, name), *args], stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, env=env)
        for line in self.process.stdout:
            if line.startswith("serving address="):
                self.address = line.strip().split("=", 1)[1]
                return
            self.lines.append(line.strip())
        code = self.process.wait()
        raise RuntimeError(f"{name} ended with {code}: {self.read_log()}")

    def read_log(self):
        if not self.log.closed:
            self.log.seek(0)
            self.text = self.log.read()
        return self.text

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """Ends it if it still runs; returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(WAIT)
        self.process.stdout.close()
        self.read_log()
        self.log.close()
        return code
