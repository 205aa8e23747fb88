/** Characters that a terminal obeys or that reorder text; line breaks and tabs are not among them. */
const UNSAFE = /[^\P{Cc}\n\t]|\p{Bidi_Control}/gu

/** Removes from text of unknown origin whatever a terminal would obey. Keeps line breaks and tabs. */
export const printable = (text: string): string => text.replace(UNSAFE, '')

/** Makes text of unknown origin safe for a terminal, on one line. */
export const printableLine = (text: string): string => printable(text.replace(/\s+/g, ' '))

/** Formats a value as indented JSON that parses to the same value and is safe for a terminal. */
export const printableJson = (value: unknown): string =>
  JSON.stringify(value, undefined, 2).replace(
    UNSAFE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
