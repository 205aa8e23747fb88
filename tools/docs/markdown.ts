/** A fenced block of code. */
export interface Block {
  /** Relative to the root. */
  file: string
  /** Number of its first line of code, from 1. */
  line: number
  /** After the fence; empty for none. */
  language: string
  code: string
  /** Code that readers do not see, from `<!-- setup … -->` before the block. */
  setup: string
  /** Parameter of `<!-- run: … -->`; empty without one. */
  run: string | undefined
  /** Programs without which it does not run, from `<!-- needs: PROGRAM … -->`. */
  needs: string[]
  /** Name for later blocks, from `<!-- file: NAME -->`. */
  savedAs: string | undefined
}

/** One parsed file. */
export interface Markdown {
  file: string
  blocks: Block[]
  /** Its lines; lines of blocks and comments are empty. */
  prose: string[]
}

/**
 * Parses a file. A comment directly before a block describes that block; unknown words are ignored, as in
 * any comment.
 */
export function readMarkdown(file: string, text: string): Markdown {
  const lines = text.split('\n')
  const markdown: Markdown = { file, blocks: [], prose: lines.map(() => '') }
  let comments: string[] = []
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!
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

function readComments(
  comments: readonly string[],
): Pick<Block, 'setup' | 'run' | 'needs' | 'savedAs'> {
  const first = (pattern: RegExp) =>
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
 */
export function commentsOf(source: string): string {
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
