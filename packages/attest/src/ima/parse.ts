import { TpmParseError } from '../attest-error.js'
import { concat, type Bytes } from '../bytes/bytes.js'
import { fromHex, toHex } from '../bytes/hex.js'
import { HASHES, type HashName } from '../structures/constants.js'
import { HASH_FUNCTIONS } from '../structures/pcr-extend.js'
import { isHashName } from '../structures/pcr-selection.js'

/** Measurement of Linux' Integrity Measurement Architecture. */
export interface ImaEntry {
  /** Position in the log, from 0. */
  readonly index: number
  readonly template: 'ima-ng' | 'ima-sig'
  /** Hash algorithm of the file content. SHA-1 only for `boot_aggregate`, as old kernels make it. */
  readonly algorithm: HashName
  /** In lower-case hex. */
  readonly digest: string
  /** Path as the kernel writes it: with an underscore for each space. */
  readonly path: string
  /** In lower-case hex; empty if the file or the template has none. */
  readonly signature: string
  /**
   * True when the file was open for writing while it was measured, or vice versa. The PCR then records a
   * violation, and nothing else of the entry.
   */
  readonly isViolation: boolean
}

/** Path of the first entry: the hash of the firmware's PCRs when the kernel started. */
export const BOOT_AGGREGATE = 'boot_aggregate'

/** In characters; enough for some 130 000 lines. */
const MAX_LOG = 16 * 1024 * 1024

const LINE =
  /^10 ([0-9a-f]{40}) (ima-ng|ima-sig) (sha\d+):([0-9a-f]+) ([^ \n\0]+)(?: ([0-9a-f]*))?$/
const VIOLATION = '0'.repeat(40)

/**
 * Parses the content of Linux' `ascii_runtime_measurements`, of the templates `ima-ng` and `ima-sig`
 * on PCR 10, with file hashes of SHA-2. The SHA-1 hash in each line must match that line.
 *
 * The text must have been decoded as UTF-8. A path with a line break, or with bytes that are not UTF-8,
 * is refused like any other line that does not match its hash.
 *
 * @throws TpmParseError `ERR_STRUCTURE_INVALID`; its `line` is the number of the line. Also over
 * 16 Mi characters, for other templates, and when the last line has no line break
 */
export function parseImaLog(ascii: string): ImaEntry[] {
  if (typeof ascii !== 'string') throw new TpmParseError('IMA log', 0, 'is not text')
  if (ascii.length > MAX_LOG) {
    throw new TpmParseError('IMA log', MAX_LOG, `is longer than ${MAX_LOG} characters`)
  }
  const entries: ImaEntry[] = []
  for (let start = 0; start < ascii.length;) {
    const end = ascii.indexOf('\n', start)
    // No hash covers the path of a violation: without its line break it could be cut off.
    if (end === -1) fail(entries.length, 'ends within a line')
    entries.push(parseLine(ascii.slice(start, end), entries.length))
    start = end + 1
  }
  return entries
}

function parseLine(line: string, index: number): ImaEntry {
  const [, templateHash, kind, algorithm = '', digest = '', path = '', field] =
    LINE.exec(line) ?? fail(index, 'has a line other than ima-ng or ima-sig on PCR 10')
  const template: ImaEntry['template'] = kind === 'ima-sig' ? kind : 'ima-ng'
  if (template === 'ima-ng' && field !== undefined) fail(index, 'has more fields than ima-ng')
  const signature = field ?? ''
  if (!isHashName(algorithm) || digest.length !== 2 * HASHES[algorithm].size) {
    return fail(index, `has a ${algorithm} digest of a wrong length or an unknown algorithm`)
  }
  if (algorithm === 'sha1' && !(index === 0 && path === BOOT_AGGREGATE)) {
    fail(index, 'has a file hash of SHA-1, which is not collision-resistant')
  }
  if (signature.length % 2 !== 0) fail(index, 'has a signature that is not whole bytes')
  const isViolation = templateHash === VIOLATION
  const entry = { index, template, algorithm, digest, path, signature, isViolation }
  if (!isViolation && templateHash !== toHex(HASH_FUNCTIONS.sha1(templateData(entry)))) {
    fail(index, 'has a line that does not match its hash')
  }
  return entry
}

/**
 * Encodes an entry as the kernel hashed it: each field of its template after its length, little-endian
 * (`ima_calc_field_array_hash` of Linux). `d-ng` is the algorithm, a colon, a zero byte and the digest;
 * `n-ng` the path and a zero byte; `sig` the signature, or nothing.
 */
export function templateData(
  entry: Pick<ImaEntry, 'template' | 'algorithm' | 'digest' | 'path' | 'signature'>,
): Bytes {
  const text = new TextEncoder()
  const fields = [
    concat(text.encode(`${entry.algorithm}:\0`), bytesOf(entry.digest)),
    text.encode(`${entry.path}\0`),
    ...(entry.template === 'ima-sig' ? [bytesOf(entry.signature)] : []),
  ]
  return concat(...fields.flatMap((field) => [littleEndian32(field.length), field]))
}

function bytesOf(hex: string): Bytes {
  return fromHex(hex) ?? new Uint8Array()
}

function littleEndian32(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8, value >> 16, value >> 24)
}

function fail(index: number, why: string): never {
  throw new TpmParseError('IMA log', 0, why, index + 1)
}
