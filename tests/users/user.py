"""A user of windlass with nothing but `websockets` and the standard library.

Usage: user.py DEMO.wasm THUMBNAIL.wasm PHOTOGRAPH.jpg OUT.jpg, with WINDLASS_URL and WINDLASS_TOKEN set.
Ends with an error at the first thing that is not as it should be.
"""

import base64
import json
import os
import sys
import urllib.request

from websockets.sync.client import connect

WIDTH, HEIGHT = 96, 96


def upload(url, token, name, path):
    with open(path, "rb") as component:
        request = urllib.request.Request(
            f"{url}/v1/plugins/{name}",
            data=component.read(),
            method="PUT",
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/wasm"},
        )
    with urllib.request.urlopen(request) as response:
        plugin = json.load(response)["plugin"]
    print(f"uploaded {name}:", ", ".join(handler["name"] for handler in plugin["handlers"]))


def ask(socket, **frame):
    """Sends a request and answers what came back, which must not be an error."""
    socket.send(json.dumps(frame))
    answer = json.loads(socket.recv())
    if answer["op"] == "error":
        sys.exit(f"{frame['op']} failed: {answer['error']}")
    return answer


def jpeg_size(picture):
    """Walks the segments of a JPEG from its start to the frame header; answers width and height."""
    if picture[:2] != b"\xff\xd8" or picture[-2:] != b"\xff\xd9":
        sys.exit("the picture does not begin and end as a JPEG")
    at = 2
    while True:
        marker, length = picture[at + 1], int.from_bytes(picture[at + 2 : at + 4], "big")
        if picture[at] != 0xFF:
            sys.exit(f"no segment begins at byte {at} of the picture")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = (int.from_bytes(picture[at + n : at + n + 2], "big") for n in (5, 7))
            return width, height
        at += 2 + length


def main():
    demo, thumbnail, photograph, out = sys.argv[1:]
    url, token = os.environ["WINDLASS_URL"], os.environ["WINDLASS_TOKEN"]
    upload(url, token, "demo", demo)
    upload(url, token, "thumbnail", thumbnail)

    headers = {"Authorization": f"Bearer {token}"}
    with connect(url.replace("http", "ws", 1) + "/v1/ws", additional_headers=headers) as socket:
        total = ask(socket, op="add", x=10, y=20)["value"]
        if total != 30:
            sys.exit(f"10 + 20 = {total}")
        print("called add: 10 + 20 =", total)

        with open(photograph, "rb") as image:
            args = {"image": base64.b64encode(image.read()).decode(), "width": WIDTH, "height": HEIGHT, "fit": "cover"}
        job = ask(socket, op="job.submit", handler="thumbnail/thumbnail", args=args)["job"]
        picture = base64.b64decode(ask(socket, op="job.wait", job=job, timeout="30s")["value"], validate=True)

    if jpeg_size(picture) != (WIDTH, HEIGHT):
        sys.exit(f"the thumbnail measures {jpeg_size(picture)}")
    with open(out, "wb") as file:
        file.write(picture)
    print(f"job {job} made a thumbnail of {WIDTH} by {HEIGHT} pixels, {len(picture)} bytes")


if __name__ == "__main__":
    main()
