import type { ServerKeyEvent } from '@nomyo/client'
import type { Output } from '../output.js'

/** Says when a key is trusted for the first time; known ones are nothing to talk of. */
export function noteServerKey({ note }: Output): (event: ServerKeyEvent) => void {
  return ({ type, server, fingerprint }) => {
    if (type !== 'first-use') return
    note(`nomyo: first use of ${server}`)
    note(`nomyo: its key ${fingerprint} is trusted from now on; compare it with the operator`)
  }
}
