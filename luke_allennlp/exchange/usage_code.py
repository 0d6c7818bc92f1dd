"""How each exported model is used, in Python: templates of what its card shows."""

HEADER = """
${standard}import torch
${libraries}
${padding}from transformers import $architecture

path = "."  # the directory of this card
model = $architecture.from_pretrained(path).eval()
$tokenizers
$run"""

RUN = '''

def run(input_ids, entity_ids=(), positions=(), **inputs):
    """The output of the model, given the id of each entity and the positions of its tokens."""
    if entity_ids:
        inputs["entity_ids"] = torch.tensor([entity_ids])
        inputs["entity_position_ids"] = pad_sequence([torch.tensor(p) for p in positions], True, -1)[None]
    with torch.no_grad():
        return model(input_ids=torch.tensor([input_ids]), **inputs)
'''

MENTIONS = '''$read_bias

def token_ids(text):
    """Of a part of the text, as if a space came before it."""
$brackets    return spaced.encode(text.strip(), add_special_tokens=False).ids


def predict(text, $mentions):
    """The probability of each $predicted, (start, end) in the text."""
    mentions = [$mentions]
    input_ids, positions, before = [$start_id], {}, 0
    for (start, end), marker in sorted(zip(mentions, $markers)):  # $marker_names
        input_ids += token_ids(text[before:start])
        first = len(input_ids)
        input_ids += [marker, *token_ids(text[start:end]), marker]
        positions[start] = list(range(first, len(input_ids)))$longest
        before = end
    input_ids += [*token_ids(text[before:]), $end_id]
    positions = [positions[start] for start, _ in mentions]
    logits = run(input_ids, $masks, positions).logits[0]$add_bias  # $mask_names
    return {model.config.id2label[index]: value for index, value in enumerate(logits.$activation.tolist())}


print(predict("Edda Rask leads the choir of Marlow.", $example))
'''

NER = '''

def token_ids(word):
    """Of a word; apostrophes and single signs stand as if no space came before them."""
    is_sign = len(word) == 1 and (word in string.punctuation or unicodedata.category(word).startswith("P"))
    tokenizer = joined if is_sign or word.startswith("'") else spaced
    return tokenizer.encode(word.strip(), add_special_tokens=False).ids or [$unknown_id]


def predict(words):
    """The entities of a sentence: first word, the one after the last, label, probability."""
    input_ids, bounds = [$start_id], [1]
    for word in words:
        input_ids += token_ids(word)
        bounds.append(len(input_ids))
    input_ids.append($end_id)
    spans = [(i, j) for i in range(len(words)) for j in range(i + 1, len(words) + 1)]
    spans = [(i, j) for i, j in spans if bounds[j] - bounds[i] <= $max_span_length]
    found = []
    # As many at a time as in training.
    size = -(-len(spans) // max(-(-len(spans) // $max_entities), 1))
    for part in (spans[at : at + size] for at in range(0, len(spans), size or 1)):
        positions = [list(range(bounds[i], bounds[j])) for i, j in part]
        starts, ends = torch.tensor([[(p[0], p[-1]) for p in positions]]).unbind(-1)
        edges = {"entity_start_positions": starts, "entity_end_positions": ends}
        logits = run(input_ids, [$mask] * len(part), positions, **edges).logits[0]  # [MASK]
        for (i, j), row in zip(part, logits):
            label = model.config.id2label[row.argmax().item()]
            if label != "NIL":
                found.append((row.max().item(), i, j, label, row.softmax(-1).max().item()))
$decoding

print(predict("Edda Rask leads the choir of Marlow .".split()))
'''

GREEDY = """    entities, taken = [], set()
    for _, i, j, label, probability in sorted(found, key=lambda span: -span[0]):
        if taken.isdisjoint(range(i, j)):
            taken.update(range(i, j))
            entities.append((i, j, label, probability))
    return sorted(entities)
"""
NESTED = """    return sorted((i, j, label, probability) for _, i, j, label, probability in found)
"""

BRACKETS = """    text = re.sub("-R[RCS]B-", ")", re.sub("-L[RCS]B-", "(", text))
"""
READ_BIAS = """

bias = load_file(f"{path}/model.safetensors")["classifier.bias"]  # not in the class
"""
WORD_STATES = """
    first = [places[0] for places in positions]
    states = torch.cat([output.last_hidden_state[0][first], states], dim=-1)"""

QUESTIONS = '''

def predict(question, context):
    """The answer's text, and its score, the sum of two logits."""
    question_ids = spaced.encode(question.$strip, add_special_tokens=False).ids[:$max_question_length]
    input_ids = [$start_id, *question_ids, $separator]
    begin, offsets = len(input_ids), []
    for word in re.finditer("[^ \\t\\r\\n\\u202f]+", context):  # each by itself, after a space
        encoded = spaced.encode(word[0], add_special_tokens=False)
        input_ids += encoded.ids
        offsets += [(word.start() + first, word.start() + last) for first, last in encoded.offsets]
    inside = range(begin, len(input_ids))
    input_ids.append($end_id)
$second    with torch.no_grad():
        output = model(input_ids=torch.tensor([input_ids])$types)
    starts, ends = output.start_logits[0], output.end_logits[0]

    def spans(firsts, lasts):
        pairs = [(i, j) for i in firsts for j in lasts if i in inside and j in inside]
        return [(starts[i] + ends[j], i, j) for i, j in pairs if 0 <= j - i < $max_answer_length]

    number = min($n_best, len(starts))
    best = spans(starts.topk(number).indices.tolist(), ends.topk(number).indices.tolist())
    score, i, j = max(best or spans(inside, inside), key=lambda span: span[0])
$no_answer    return $answer, score.item()


print(predict("Who leads the choir?", "Edda Rask leads the choir of Marlow."))
'''

# Of BERT: 1 from the second text on.
BEGIN = """    begin = len(input_ids)
"""
SECOND = """    types = torch.tensor([[int(index >= begin) for index in range(len(input_ids))]])
"""
TYPES = ", token_type_ids=types"
NO_ANSWER = """    null_score = starts[0] + ends[0]
    if null_score - score > {}:
        return "", null_score.item()
"""

CLOZE = '''

scorer = load_file(f"{path}/scorer.safetensors")
HIGHLIGHT, PLACEHOLDER, ENTITY = $markers


def token_ids(text, start, end):
    """Of text[start:end], with a marker for each @highlight."""
    follows_space = start == 0 or text[start - 1] == " " or text.startswith(" ", start, end)
    ids = []
    for number, part in enumerate(text[start:end].split("@highlight")):
        if number:
            ids.append(HIGHLIGHT)
            follows_space = part.startswith(" ")
        ids += (spaced if follows_space else joined).encode(part.strip(), add_special_tokens=False).ids
    return ids


def predict(passage, query, candidates):
    """The probability of each candidate, (start, end) in the passage; they do not overlap."""
    passage, query = passage.replace("\\n", " "), query.replace("\\n", " ")
    start = query.index("@placeholder")
    end = start + len("@placeholder")
    input_ids = [$start_id, *token_ids(query, 0, start)]
    positions, before = [[len(input_ids)]], 0
    input_ids += [PLACEHOLDER, *token_ids(query, end, len(query)), $separator]
$begin    for start, end in sorted(candidates):
        input_ids += token_ids(passage, before, start)
        first = len(input_ids)
        input_ids += [ENTITY, *token_ids(passage, start, end), ENTITY]
        positions.append(list(range(first, len(input_ids)))$longest)
        before = end
    input_ids += [*token_ids(passage, before, len(passage)), $end_id]
$second    output = run(input_ids, [$mask] * len(positions), positions$types)  # [MASK]
    states = output.entity_last_hidden_state[0]$word_states
    pairs = torch.cat([states[:1].expand_as(states[1:]), states[1:]], dim=-1)
    logits = pairs @ scorer["scorer.weight"][0] + scorer["scorer.bias"]
    return dict(zip(sorted(candidates), logits.sigmoid().tolist()))


print(predict("Edda Rask leads the choir of Marlow.", "The choir of @placeholder sings.", [(0, 9), (29, 35)]))
'''

MASKED = '''

with open(f"{path}/entity_vocab.json", encoding="utf-8") as file:
    titles = {index: title for title, index in reversed(json.load(file).items())}


def predict(text, mentions=()):
    """The five best tokens for each $mask_token, and the five best entities of each mention, (start, end)."""
    masks = [at for at in range(len(text)) if text.startswith("$mask_token", at)]
    ends = [at + len("$mask_token") for at in masks]
    bounds = sorted({0, len(text), *masks, *ends, *(at for span in mentions for at in span)})
    input_ids, places = [$start_id], {0: 1}
    for start, end in zip(bounds, bounds[1:]):
        if start in masks:
            input_ids.append($mask_id)
        else:
            follows_space = start == 0 or text[start].isspace() or text[start - 1].isspace()
            tokenizer = spaced if follows_space else joined
            input_ids += tokenizer.encode(text[start:end].strip(), add_special_tokens=False).ids
        places[end] = len(input_ids)
    input_ids.append($end_id)
    positions = [list(range(places[start], places[end]))[:$max_mention_length] for start, end in mentions]
    output = run(input_ids, [$mask] * len(mentions), positions)  # [MASK]
    # Without the rows that were appended in the export.
    words = output.logits[0][[index for index, value in enumerate(input_ids) if value == $mask_id], :$words]
    best = [zip(*row.softmax(-1).topk(5)) for row in words]
    words = [[(spaced.id_to_token(index.item()), value.item()) for value, index in row] for row in best]
    if not mentions:
        return words, []
    probabilities = output.entity_logits[0][:, :$entities].softmax(-1)
    probabilities[:, $excluded] = -1  # no entities
    best = [zip(*row.topk(min(5, $entities))) for row in probabilities]
    return words, [[(titles[index.item()], value.item()) for value, index in row] for row in best]


print(predict("$mask_token Rask leads the choir of Marlow."$mentions))
'''

WORDS = '''

def predict(text):
    """The five best tokens for each $mask_token."""
    input_ids = [$start_id]
    for number, part in enumerate(text.split("$mask_token")):
        tokenizer = spaced if not number or part[:1].isspace() else joined
        ids = tokenizer.encode(part.strip(), add_special_tokens=False).ids
        input_ids += [$mask_id, *ids] if number else ids
    input_ids.append($end_id)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([input_ids])).logits[0]
    best = [zip(*row.softmax(-1).topk(5)) for row in logits[torch.tensor(input_ids) == $mask_id]]
    return [[(spaced.id_to_token(index.item()), value.item()) for value, index in row] for row in best]


print(predict("$mask_token leads the choir of Marlow."))
'''
