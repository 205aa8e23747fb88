import { padmeLength } from '../envelope/padding.js'

/** Shorter messages are as long as this. */
const LEAST_BYTES = 512

/** Returns the length to which zeros fill a whole message: Padmé, at least 512 bytes. */
export function paddedLength(length: number): number {
  return padmeLength(Math.max(LEAST_BYTES, length))
}
