import type { RouteAnswer } from '../../route.js'
import { NOTE } from '../label.js'

const RATE = 8000
const BYTES_PER_SAMPLE = 2
const TONE_HZ = 440
const SECONDS = 0.25
const PART_BYTES = 1024

/** Makes up speech: a quarter of a second of a tone, as WAVE with a note that says so. */
export function speak(): RouteAnswer {
  return {
    contentType: 'audio/wav',
    body: { kind: 'stream', parts: partsOf(wave()) },
    close: () => undefined,
  }
}

// eslint-disable-next-line @typescript-eslint/require-await
async function* partsOf(sound: Buffer): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < sound.length; at += PART_BYTES) yield sound.subarray(at, at + PART_BYTES)
}

function wave(): Buffer {
  const samples = Buffer.alloc(RATE * SECONDS * BYTES_PER_SAMPLE)
  for (let at = 0; at < RATE * SECONDS; at++) {
    const value = Math.round(8000 * Math.sin((2 * Math.PI * TONE_HZ * at) / RATE))
    samples.writeInt16LE(value, at * BYTES_PER_SAMPLE)
  }
  const format = Buffer.alloc(16)
  format.writeUInt16LE(1, 0)
  format.writeUInt16LE(1, 2)
  format.writeUInt32LE(RATE, 4)
  format.writeUInt32LE(RATE * BYTES_PER_SAMPLE, 8)
  format.writeUInt16LE(BYTES_PER_SAMPLE, 12)
  format.writeUInt16LE(8 * BYTES_PER_SAMPLE, 14)
  const note = Buffer.concat([Buffer.from('INFO'), chunk('ICMT', Buffer.from(NOTE))])
  const parts = [chunk('fmt ', format), chunk('LIST', note), chunk('data', samples)]
  return chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), ...parts]))
}

/** Creates a chunk of RIFF, whose content has an even length. */
function chunk(name: string, content: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32LE(content.length)
  return Buffer.concat([Buffer.from(name), size, content, Buffer.alloc(content.length % 2)])
}
