/** Value of one member of the metadata of a GGUF file. */
export type GgufValue =
  | { readonly uint32: number }
  | { readonly float32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly int32s: readonly number[] }

/** Tensor of 32-bit floats; the first dimension is the innermost. */
export interface GgufTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array
}

const ALIGNMENT = 32

/** Numbers of the format for types of values. */
const TYPE = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 }

/** Encodes a GGUF file of version 3. */
export function encodeGguf(
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Buffer {
  const members = Object.entries(metadata)
  const head = [Buffer.from('GGUF'), uint32(3), uint64(tensors.length), uint64(members.length)]
  for (const [key, value] of members) head.push(string(key), encodeValue(value))
  const data: Buffer[] = []
  let offset = 0
  for (const { name, shape, values } of tensors) {
    // 0 is the type of 32-bit floats.
    head.push(string(name), uint32(shape.length), ...shape.map(uint64), uint32(0), uint64(offset))
    const bytes = pad(Buffer.from(values.buffer, values.byteOffset, values.byteLength))
    data.push(bytes)
    offset += bytes.length
  }
  return Buffer.concat([pad(Buffer.concat(head)), ...data])
}

function encodeValue(value: GgufValue): Buffer {
  if ('uint32' in value) return Buffer.concat([uint32(TYPE.uint32), uint32(value.uint32)])
  if ('float32' in value) return Buffer.concat([uint32(TYPE.float32), float32(value.float32)])
  if ('bool' in value) return Buffer.concat([uint32(TYPE.bool), Buffer.of(value.bool ? 1 : 0)])
  if ('string' in value) return Buffer.concat([uint32(TYPE.string), string(value.string)])
  if ('strings' in value) return array(TYPE.string, value.strings.map(string))
  return array(TYPE.int32, value.int32s.map(uint32))
}

function array(type: number, elements: readonly Buffer[]): Buffer {
  return Buffer.concat([uint32(TYPE.array), uint32(type), uint64(elements.length), ...elements])
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function float32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeFloatLE(value)
  return bytes
}

function string(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([uint64(bytes.length), bytes])
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & (ALIGNMENT - 1))])
}
