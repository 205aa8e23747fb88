/**
 * A fenced block of code.
 *
 * @typedef {object} Block
 * @property {string} file relative to the root
 * @property {number} line number of its first line of code, from 1
 * @property {string} language after the fence; empty for none
 * @property {string} code
 * @property {string} setup code that readers do not see, from `<!-- setup … -->` before the block
 * @property {string | undefined} run parameter of `<!-- run: … -->`; empty without one
 * @property {string[]} needs programs without which it does not run, from `<!-- needs: PROGRAM … -->`
 * @property {string | undefined} savedAs name for later blocks, from `<!-- file: NAME -->`
 */

/**
 * One parsed file.
 *
 * @typedef {object} Markdown
 * @property {string} file
 * @property {Block[]} blocks
 * @property {string[]} prose its lines; lines of blocks and comments are empty
 */

/**
 * Parses a file. A comment directly before a block describes that block; unknown words are ignored, as in
 * any comment.
 *
 * @param {string} file
 * @param {string} text
 * @returns {Markdown}
 */
export function readMarkdown(file, text) {
  const lines = text.split('\n')
  /** @type {Markdown} */
  const markdown = { file, blocks: [], prose: lines.map(() => '') }
  /** @type {string[]} */
  let comments = []
  for (let at = 0; at < lines.length; at++) {
    const line = /** @type {string} */ (lines[at])
    const fence = /^( *)(`{3,}|~{3,})\s*([\w-]*)/.exec(line)
    if (fence !== null) {
      const [, indent = '', ticks = '', language = ''] = fence
      const end = lines.findIndex((other, index) => index > at && other.trim() === ticks)
      const body = lines.slice(at + 1, end === -1 ? lines.length : end)
      const code = body.map((part) => part.replace(indent, '')).join('\n')
      markdown.blocks.push({ file, line: at + 2, language, code, ...readComments(comments) })
      comments = []
      at += body.length + 1
    } else if (line.startsWith('<!--')) {
      const end = lines.findIndex((other, index) => index >= at && other.includes('-->'))
      const comment = lines.slice(at, end === -1 ? lines.length : end + 1).join('\n')
      comments.push(comment.replace(/^<!--\s*/, '').replace(/\s*-->.*$/s, ''))
      at += comment.split('\n').length - 1
    } else {
      if (line.trim() !== '') comments = []
      markdown.prose[at] = line
    }
  }
  return markdown
}

/**
 * @param {readonly string[]} comments
 * @returns {Pick<Block, 'setup' | 'run' | 'needs' | 'savedAs'>}
 */
function readComments(comments) {
  /** @param {RegExp} pattern */
  const first = (pattern) =>
    comments
      .flatMap((text) => pattern.exec(text)?.slice(1) ?? [])
      .find((value) => typeof value === 'string')
  return {
    setup: first(/^setup\n(.*)$/s) ?? '',
    run: first(/^run(?:: (until .*))?()$/),
    needs: first(/^needs: (.*)$/)?.split(' ') ?? [],
    savedAs: first(/^file: (\S+)$/),
  }
}

/**
 * Converts the TSDoc comments of a source to Markdown, at their lines: an `@example` becomes a block.
 *
 * @param {string} source
 * @returns {string}
 */
export function commentsOf(source) {
  let inside = false
  return source
    .split('\n')
    .map((line) => {
      const begins = /^\s*\/\*\*/.test(line)
      const text = inside && !line.includes('*/') ? line.replace(/^\s*\* ?/, '') : ''
      if (begins) inside = true
      if (line.includes('*/')) inside = false
      return text
    })
    .join('\n')
}
