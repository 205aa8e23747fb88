import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { checkNumber, checkOptions, httpFault, type HttpFault } from './fault.js'
import { streamBytes } from './stream-bytes.js'

/** White space, which may follow JSON without a limit. */
const SPACE = 0x20
const BLOCK_BYTES = 64 * 1024
const MIB = 1024 * 1024
const BOMB_PART_BYTES = 32 * MIB

/** The head of an oversized body. */
export interface Flood {
  /** Default 200. */
  status?: number
}

/** Options of {@link endless}. */
export interface EndlessFlood extends Flood {
  /** Bytes in each HTTP chunk. Default 65,536. */
  chunkBytes?: number
}

/** Options of {@link oversized} and {@link compressedBomb}. */
export interface SizedFlood extends Flood {
  /** Size of the body in the memory of its receiver. */
  bytes?: number
}

/**
 * Sends a body that begins with the right one and never ends, as fast as it is read.
 *
 * A correct client stops at its own limit, not at its deadline: `APIConnectionError` with
 * `ERR_RESPONSE_TOO_LARGE`. Its memory stays near that limit, also when every chunk carries one byte.
 */
export function endless(options: EndlessFlood = {}): HttpFault {
  const { status = 200, chunkBytes = BLOCK_BYTES } = checkOptions(options)
  checkStatus(status)
  checkNumber('chunkBytes', chunkBytes, 1)
  return httpFault('endless', async ({ response, normalBody }) => {
    const body = await normalBody()
    response.writeHead(status, { 'transfer-encoding': 'chunked' })
    response.write(body)
    // Below Node's own framing, which would send one packet per chunk.
    if (response.socket !== null)
      await streamBytes(response.socket, endlessly(chunksOf(chunkBytes)))
  })
}

/**
 * Sends the right body, followed by white space up to an announced size: 64 MiB by default.
 *
 * A correct client reads `Content-Length` and stops there: `APIConnectionError` with
 * `ERR_RESPONSE_TOO_LARGE`.
 */
export function oversized(options: SizedFlood = {}): HttpFault {
  const { status = 200, bytes = 64 * MIB } = checkOptions(options)
  checkStatus(status)
  checkNumber('bytes', bytes, 1)
  return httpFault('oversized', async ({ response, normalBody }) => {
    const body = await normalBody()
    response.writeHead(status, { 'content-length': String(bytes) })
    await streamBytes(response, paddedTo(bytes, body.subarray(0, bytes)))
  })
}

/**
 * Sends a small body that decompresses to a large one: 1 GiB by default, in multiples of 32 MiB.
 *
 * A correct client counts the decompressed bytes: `APIConnectionError` with `ERR_RESPONSE_TOO_LARGE`.
 */
export function compressedBomb(options: SizedFlood = {}): HttpFault {
  const { status = 200, bytes = 1024 * MIB } = checkOptions(options)
  checkStatus(status)
  checkNumber('bytes', bytes, 1)
  return httpFault('compressedBomb', async ({ response }) => {
    // A gzip file may have many parts (RFC 1952 section 2.2): one is compressed, all are alike.
    const part = await promisify(gzip)(spaces(BOMB_PART_BYTES))
    const parts = Math.ceil(bytes / BOMB_PART_BYTES)
    response.writeHead(status, {
      'content-encoding': 'gzip',
      'content-length': String(part.length * parts),
    })
    await streamBytes(response, repeated(part, parts))
  })
}

const checkStatus = (status: number): void => {
  checkNumber('the status', status, 200, 599)
}

/** Encodes whole chunks of HTTP/1.1 (RFC 9112 section 7.1) for one write to the socket. */
function chunksOf(chunkBytes: number): Uint8Array {
  const chunk = `${chunkBytes.toString(16)}\r\n${' '.repeat(chunkBytes)}\r\n`
  return new TextEncoder().encode(chunk.repeat(Math.ceil(BLOCK_BYTES / chunk.length)))
}

function* endlessly(block: Uint8Array): Generator<Uint8Array> {
  for (;;) yield block
}

function* paddedTo(bytes: number, body: Uint8Array): Generator<Uint8Array> {
  yield body
  const block = spaces(BLOCK_BYTES)
  for (let left = bytes - body.length; left > 0; left -= BLOCK_BYTES) yield block.subarray(0, left)
}

function* repeated(part: Uint8Array, times: number): Generator<Uint8Array> {
  for (let count = 0; count < times; count++) yield part
}

const spaces = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(SPACE)
