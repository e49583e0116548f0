"""A user of windlass with nothing but `websockets` and `msgpack`: bytes as bytes, both ways.

Usage: packed.py DEMO.wasm THUMBNAIL.wasm PHOTOGRAPH.jpg OUT.jpg, with WINDLASS_URL and WINDLASS_TOKEN set.
Ends with an error at the first thing that is not as it should be.
"""

import os
import sys

import msgpack
from user import HEIGHT, WIDTH, jpeg_size, upload
from websockets.sync.client import connect


def ask(socket, **frame):
    """Sends a request and answers what came back, which must not be an error."""
    socket.send(msgpack.packb(frame))
    answer = msgpack.unpackb(socket.recv())
    if answer["op"] == "error":
        sys.exit(f"{frame['op']} failed: {answer['error']}")
    return answer


def main():
    demo, thumbnail, photograph, out = sys.argv[1:]
    url, token = os.environ["WINDLASS_URL"], os.environ["WINDLASS_TOKEN"]
    upload(url, token, "demo", demo)
    upload(url, token, "thumbnail", thumbnail)

    with connect(
        url.replace("http", "ws", 1) + "/v1/ws",
        additional_headers={"Authorization": f"Bearer {token}"},
        subprotocols=["windlass.v1.msgpack"],
    ) as socket:
        if (echoed := ask(socket, op="echo", value=b"\x00\xff")["value"]) != {"value": "AP8="}:
            sys.exit(f"where no type is known bytes come back as base64, not as {echoed}")
        if (echoed := ask(socket, op="demo/echo", bytes=b"\x00\xff")["value"]) != b"\x00\xff":
            sys.exit(f"the bytes came back as {echoed}")

        with open(photograph, "rb") as image:
            args = {"image": image.read(), "width": WIDTH, "height": HEIGHT, "fit": "cover"}
        job = ask(socket, op="job.submit", handler="thumbnail/thumbnail", args=args)["job"]
        picture = ask(socket, op="job.wait", job=job, timeout="30s")["value"]

    if not isinstance(picture, bytes) or jpeg_size(picture) != (WIDTH, HEIGHT):
        sys.exit("the result is no thumbnail")
    with open(out, "wb") as file:
        file.write(picture)
    print(f"job {job} made a thumbnail of {WIDTH} by {HEIGHT} pixels, {len(picture)} bytes")


if __name__ == "__main__":
    main()
