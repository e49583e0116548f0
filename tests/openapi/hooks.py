"""What schemathesis has to be told to send components: bytes go as they are."""

import schemathesis


@schemathesis.serializer("application/wasm")
def component(context, value):
    data = getattr(value, "data", value)
    return {"data": data if isinstance(data, bytes) else str(data).encode()}
