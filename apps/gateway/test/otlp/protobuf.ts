/** Fields of a protobuf message by number: integers, and bytes of texts and nested messages. */
export type Fields = ReadonlyMap<number, readonly (bigint | Uint8Array)[]>

/** Reads one protobuf message (wire types 0, 1, 2 and 5). */
export function readFields(bytes: Uint8Array): Fields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const fields = new Map<number, (bigint | Uint8Array)[]>()
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++)
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const take = (length: number): Uint8Array => bytes.subarray(at, (at += length))
  while (at < bytes.length) {
    const tag = Number(varint())
    const read = (): bigint | Uint8Array => {
      switch (tag & 7) {
        case 0:
          return varint()
        case 1:
          return view.getBigUint64((at += 8) - 8, true)
        case 2:
          return take(Number(varint()))
        case 5:
          return BigInt(view.getUint32((at += 4) - 4, true))
        default:
          throw new Error(`wire type ${tag & 7}`)
      }
    }
    const value = read()
    fields.set(tag >> 3, [...(fields.get(tag >> 3) ?? []), value])
  }
  return fields
}
