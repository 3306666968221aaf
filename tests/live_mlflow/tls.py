"""Stands before an MLflow server and speaks TLS: makes a CA and certificates, and wants one of the client too.

Arguments: the folder for the certificates, the server's port. Prints its own port when it is ready.
"""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import sys
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def certificate(name, issuer=None):
    """A key and a certificate signed by `issuer`, or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signer, signed_by = (issuer[0], issuer[1].subject) if issuer else (key, subject)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(signed_by).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - DAY).not_valid_after(NOW + DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    if issuer:
        builder = builder.add_extension(address, critical=False)
    return key, builder.sign(signer, hashes.SHA256())


def pem(key, found):
    """Both as text."""
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + found.public_bytes(serialization.Encoding.PEM)


def pump(source, target):
    """Hands on until one side ends."""
    try:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
    finally:
        for side in (source, target):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


def serve(listener, context, port):
    """Every connection in threads of its own."""
    while True:
        raw, _ = listener.accept()
        try:
            client = context.wrap_socket(raw, server_side=True)
        except OSError:
            continue
        server = socket.create_connection(("127.0.0.1", port))
        threading.Thread(target=pump, args=(client, server), daemon=True).start()
        threading.Thread(target=pump, args=(server, client), daemon=True).start()


def main(folder, port):
    """Until nobody holds the other end of stdin."""
    folder = Path(folder)
    ca = certificate("segpipe test CA")
    (folder / "ca.pem").write_bytes(ca[1].public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(pem(*certificate("server", ca)))
    (folder / "client.pem").write_bytes(pem(*certificate("client", ca)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    # Else a client that shows no certificate hears of it only after the handshake.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener, context, int(port)), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


main(*sys.argv[1:])
