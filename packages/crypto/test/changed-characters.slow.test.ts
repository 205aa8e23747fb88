import { expect, it } from 'vitest'
import { ALPHABETS, changeCharacters } from './changed-characters.js'

it.each(ALPHABETS)(
  'an envelope is refused for a change of any one character to %s',
  async (_, alphabet) => {
    const { changed, accepted } = await changeCharacters(alphabet, 1)
    expect(changed).toBeGreaterThan(900)
    expect(accepted).toEqual([])
  },
)
