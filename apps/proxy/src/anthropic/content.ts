import { json, list, members, name, refuse, text, type Members } from './members.js'

/** Converts the messages of a request to those of chat completions. */
export function chatMessages(value: unknown): readonly Members[] {
  const messages = list(value, 'messages')
  if (messages.length === 0) throw refuse('messages', 'must hold a message')
  const converted = messages.flatMap((message, position) =>
    chatMessage(members(message, at('messages', position)), at('messages', position)),
  )
  if (converted.at(-1)?.['role'] === 'assistant') {
    throw refuse('messages', 'must not end with one of the assistant, which would not be continued')
  }
  return converted
}

/** Joins the text of a system prompt, or of an answer: a text, or blocks of text alone. */
export function plainText(value: unknown, path: string, separator: string): string {
  if (typeof value === 'string') return value
  return list(value, path)
    .map((block, position) => {
      const { type, text: given } = members(block, at(path, position))
      if (type !== 'text') throw refuse(`${at(path, position)}.type`, 'must be text')
      return text(given, `${at(path, position)}.text`)
    })
    .join(separator)
}

function chatMessage({ role, content }: Members, path: string): readonly Members[] {
  const inside = `${path}.content`
  switch (role) {
    case 'user':
      return userMessages(content, inside)
    case 'assistant':
      return [assistantMessage(content, inside)]
    case 'system':
      return [{ role, content: plainText(content, inside, '\n\n') }]
    default:
      throw refuse(`${path}.role`, 'must be user, assistant or system')
  }
}

/** Results of tools are messages of their own, which follow the calls at once. */
function userMessages(content: unknown, path: string): readonly Members[] {
  if (typeof content === 'string') return [{ role: 'user', content }]
  const results: Members[] = []
  const parts: Members[] = []
  for (const [position, value] of list(content, path).entries()) {
    const inside = at(path, position)
    const block = members(value, inside)
    if (block['type'] === 'tool_result') {
      const { result, images } = toolResult(block, inside)
      results.push(result)
      parts.push(...images)
    } else {
      parts.push(...userParts(block, inside))
    }
  }
  if (results.length + parts.length === 0) throw refuse(path, 'must not be empty')
  return [...results, ...(parts.length === 0 ? [] : [{ role: 'user', content: shortest(parts) }])]
}

/** A single text is understood by every model server. */
const shortest = (parts: readonly Members[]): unknown => {
  const [first] = parts
  return parts.length === 1 && first?.['type'] === 'text' ? first['text'] : parts
}

function userParts(block: Members, path: string): readonly Members[] {
  switch (block['type']) {
    case 'text':
      return [{ type: 'text', text: text(block['text'], `${path}.text`) }]
    case 'image':
      return [imagePart(block, path)]
    case 'document':
      return documentParts(block, path)
    default:
      throw unknownBlock(path)
  }
}

function imagePart(block: Members, path: string): Members {
  const source = members(block['source'], `${path}.source`)
  switch (source['type']) {
    case 'base64':
      return { type: 'image_url', image_url: { url: dataUrl(source, `${path}.source`) } }
    case 'url':
      return { type: 'image_url', image_url: { url: text(source['url'], `${path}.source.url`) } }
    default:
      throw refuse(`${path}.source.type`, 'must be base64 or url: files are not kept')
  }
}

function documentParts(block: Members, path: string): readonly Members[] {
  const source = members(block['source'], `${path}.source`)
  const title = typeof block['title'] === 'string' ? block['title'] : undefined
  switch (source['type']) {
    case 'text': {
      const content = text(source['data'], `${path}.source.data`)
      return [{ type: 'text', text: title === undefined ? content : `${title}\n\n${content}` }]
    }
    case 'content': {
      const { content } = source
      if (typeof content === 'string') return [{ type: 'text', text: content }]
      const inside = `${path}.source.content`
      return list(content, inside).flatMap((value, position) => {
        const part = members(value, at(inside, position))
        // No documents in documents: these may nest without end.
        if (part['type'] === 'document') throw unknownBlock(at(inside, position))
        return userParts(part, at(inside, position))
      })
    }
    case 'base64': {
      const file_data = dataUrl(source, `${path}.source`)
      return [{ type: 'file', file: { filename: title ?? 'document.pdf', file_data } }]
    }
    default:
      throw refuse(`${path}.source.type`, 'must be text, content or base64: files are not kept')
  }
}

function dataUrl(source: Members, path: string): string {
  const type = text(source['media_type'], `${path}.media_type`)
  if (!/^[a-z]+\/[\w.+-]+$/.test(type)) throw refuse(`${path}.media_type`, 'must be a media type')
  return `data:${type};base64,${text(source['data'], `${path}.data`)}`
}

/** Messages of tools hold text alone: images follow in the message of the user. */
function toolResult(
  block: Members,
  path: string,
): { readonly result: Members; readonly images: readonly Members[] } {
  const { content, is_error: isError } = block
  const images: Members[] = []
  const texts: string[] = []
  if (typeof content === 'string') texts.push(content)
  else {
    for (const [position, value] of list(content, `${path}.content`).entries()) {
      const inside = at(`${path}.content`, position)
      for (const part of userParts(members(value, inside), inside)) {
        if (part['type'] === 'text') texts.push(String(part['text']))
        else images.push(part)
      }
    }
  }
  const joined = texts.join('\n')
  return {
    result: {
      role: 'tool',
      tool_call_id: name(block['tool_use_id'], `${path}.tool_use_id`),
      // Chat completions have no flag for it.
      content: isError === true ? `Error: ${joined}` : joined,
    },
    images,
  }
}

function assistantMessage(content: unknown, path: string): Members {
  if (typeof content === 'string') return { role: 'assistant', content }
  const texts: string[] = []
  const calls: Members[] = []
  for (const [position, value] of list(content, path).entries()) {
    const inside = at(path, position)
    const block = members(value, inside)
    switch (block['type']) {
      case 'text':
        texts.push(text(block['text'], `${inside}.text`))
        break
      case 'tool_use':
        calls.push({
          id: name(block['id'], `${inside}.id`),
          type: 'function',
          function: {
            name: name(block['name'], `${inside}.name`),
            arguments: json(members(block['input'], `${inside}.input`), `${inside}.input`),
          },
        })
        break
      // Earlier reasoning is not read again.
      case 'thinking':
      case 'redacted_thinking':
        break
      default:
        throw unknownBlock(inside)
    }
  }
  if (texts.length + calls.length === 0) throw refuse(path, 'must hold a text or a tool call')
  return {
    role: 'assistant',
    content: texts.length === 0 ? null : texts.join(''),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

const unknownBlock = (path: string): Error =>
  refuse(`${path}.type`, 'names a block without a counterpart in chat completions')

const at = (path: string, position: number): string => `${path}[${String(position)}]`
