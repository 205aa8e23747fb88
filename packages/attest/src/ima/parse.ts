import { toHex } from '../bytes/hex.js'
import { TpmParseError } from '../errors.js'
import { HASH_FUNCTIONS } from '../pcr/extend.js'
import { isHashName } from '../pcr/selection.js'
import { HASHES, type HashName } from '../structures/constants.js'
import { templateData } from './template.js'

/** One measurement of Linux' Integrity Measurement Architecture. */
export interface ImaEntry {
  /** Which entry it is, from 0. */
  readonly index: number
  readonly template: 'ima-ng' | 'ima-sig'
  /** The hash of the file's content. SHA-1 only of `boot_aggregate`, as old kernels make it. */
  readonly algorithm: HashName
  /** In lower-case hex. */
  readonly digest: string
  /** As the kernel wrote it: a space in it is an underscore here. */
  readonly path: string
  /** In lower-case hex; empty where the file has none, or the template no place for it. */
  readonly signature: string
  /**
   * The file was open for writing while it was measured, or the other way round. The PCR then holds
   * that there was a violation, and nothing else of the entry.
   */
  readonly isViolation: boolean
}

/** The first entry: the hash of what the firmware's PCRs held when the kernel started. */
export const BOOT_AGGREGATE = 'boot_aggregate'

/** Characters; that is room for some 130 000 lines. */
const MAX_LOG = 16 * 1024 * 1024

const LINE =
  /^10 ([0-9a-f]{40}) (ima-ng|ima-sig) (sha\d+):([0-9a-f]+) ([^ \n\0]+)(?: ([0-9a-f]*))?$/
const VIOLATION = '0'.repeat(40)

/**
 * Reads the text Linux has in `ascii_runtime_measurements`, of the templates `ima-ng` and `ima-sig`
 * on PCR 10, with file hashes of SHA-2. The SHA-1 hash in each line must be the one of that line.
 *
 * The text must have been decoded as UTF-8. A path with a line break, or with bytes that are no
 * UTF-8, is refused like anything else that does not give the hash.
 *
 * @throws TpmParseError `ERR_STRUCTURE_INVALID`; its `offset` is the number of the line, from 0. Also
 * beyond 16 Mi characters, for other templates, and when the last line has no line break
 */
export function parseImaLog(ascii: string): ImaEntry[] {
  if (ascii.length > MAX_LOG) fail(0, `is longer than ${MAX_LOG} characters`)
  const entries: ImaEntry[] = []
  for (let start = 0; start < ascii.length;) {
    const end = ascii.indexOf('\n', start)
    // The path of a violation is in no hash: without its line break it could be any part of it.
    if (end === -1) fail(entries.length, 'ends within a line')
    entries.push(parseLine(ascii.slice(start, end), entries.length))
    start = end + 1
  }
  return entries
}

function parseLine(line: string, index: number): ImaEntry {
  const [, templateHash, kind, algorithm = '', digest = '', path = '', field] =
    LINE.exec(line) ?? fail(index, 'has a line that is not of ima-ng or ima-sig on PCR 10')
  const template: ImaEntry['template'] = kind === 'ima-sig' ? kind : 'ima-ng'
  if (template === 'ima-ng' && field !== undefined) fail(index, 'has more fields than ima-ng')
  const signature = field ?? ''
  if (!isHashName(algorithm) || digest.length !== 2 * HASHES[algorithm].size) {
    return fail(index, `has a ${algorithm} digest of another length, or none that is known`)
  }
  if (algorithm === 'sha1' && !(index === 0 && path === BOOT_AGGREGATE)) {
    fail(index, 'has a file hash of SHA-1, for which other files can be made')
  }
  if (signature.length % 2 !== 0) fail(index, 'has a signature that is not whole bytes')
  const isViolation = templateHash === VIOLATION
  const entry = { index, template, algorithm, digest, path, signature, isViolation }
  if (!isViolation && templateHash !== toHex(HASH_FUNCTIONS.sha1(templateData(entry)))) {
    fail(index, 'has a line whose hash is another')
  }
  return entry
}

function fail(line: number, why: string): never {
  throw new TpmParseError('IMA log', line, why)
}
