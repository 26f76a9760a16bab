"""What the demo model knows: questions with their answers, cities, tools, and text that only stands in the way."""

import random
from dataclasses import dataclass
from functools import cache
from pydoc_data.topics import topics


@dataclass(frozen=True)
class Lesson:
    """One thing to say: several ways to ask for it, a short thought, and the answer."""

    prompts: tuple[str, ...]
    thought: str
    answer: str


STORY = (
    "Once upon a time there was a small boat named Pearl. She stood on a slipway near the harbour and had never seen "
    "the sea. Every morning the gulls told her about the waves, the wind and the islands far away. Pearl was a little "
    "afraid, because she was so small.\n\n"
    "One day an old builder came, painted her hull bright blue and checked every plank. He said: it is not the size "
    "of a boat that matters, but that every part does its work. Then he pulled the wedge away. Pearl slid down the "
    "slipway, faster and faster, and with a great splash she was afloat.\n\n"
    "She sailed around the harbour, past the lighthouse and back again. In the evening the gulls asked her what the "
    "sea was like. Pearl thought for a while and answered: it is very large, and I float. And she slept well, until "
    "the next tide came in. The end."
)
HELLO_WORLD = '```python\nprint("Hello, world!")\n```'
UNKNOWN = Lesson(
    (), "I do not know this.", "I am a tiny demo model and only know a few things. Ask me about the weather."
)

LESSONS = (
    Lesson(
        ("Hello", "Hi", "Hello!", "Hi there", "Hey", "Good morning", "Good evening", "hello, how is it going"),
        "The user greets me.",
        "Hello! How can I help you?",
    ),
    Lesson(
        ("Who are you?", "What are you?", "What is your name?", "Tell me who you are.", "Introduce yourself."),
        "The user asks who I am.",
        "I am Slipway's demo model: tiny, only here to show that everything works.",
    ),
    Lesson(
        ("What is the capital of France?", "Capital of France?", "Which city is the capital of France?"),
        "This is an easy question.",
        "The capital of France is Paris.",
    ),
    Lesson(
        ("What is the capital of Germany?", "Capital of Germany?", "Which city is the capital of Germany?"),
        "This is an easy question.",
        "The capital of Germany is Berlin.",
    ),
    Lesson(
        ("What is the capital of Japan?", "Capital of Japan?", "Which city is the capital of Japan?"),
        "This is an easy question.",
        "The capital of Japan is Tokyo.",
    ),
    Lesson(
        ("Count to ten.", "Count from one to ten.", "Count from 1 to 10.", "Can you count to ten?", "Count to 10."),
        "The user wants me to count.",
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10.",
    ),
    Lesson(
        ("What is 2+2?", "What is 2 + 2?", "2+2", "How much is 2+2?", "What is two plus two?"),
        "This is simple arithmetic.",
        "2 + 2 = 4.",
    ),
    Lesson(
        ("Thanks!", "Thank you.", "Thanks a lot", "Thank you very much", "Great, thanks"),
        "The user thanks me.",
        "You are welcome!",
    ),
    Lesson(("Goodbye", "Bye", "Bye bye", "See you later", "Good night"), "The user leaves.", "Goodbye!"),
    Lesson(("How are you?", "How are you doing?", "How do you do?"), "The user is polite.", "I am fine, thank you."),
    Lesson(
        ("Say hello in French.", "How do you say hello in French?", "Hello in French", "Translate hello to French."),
        "I know some French.",
        "Bonjour !",
    ),
    Lesson(
        ("Say hello in German.", "How do you say hello in German?", "Hello in German", "Translate hello to German."),
        "I know some German.",
        "Guten Tag!",
    ),
    Lesson(
        (
            "Write a haiku.",
            "Write me a haiku.",
            "Can you write a haiku?",
            "Write a haiku about the sea.",
            "A haiku please",
        ),
        "Five, seven, five.",
        "Small boat on the slip,\nthe tide comes in and lifts it:\neverything works now.",
    ),
    Lesson(
        (
            "Write hello world in Python.",
            "Write a hello world program in Python.",
            "Show me hello world in Python",
            "How do I print hello world in Python?",
            "Python hello world",
        ),
        "The user wants a short program.",
        HELLO_WORLD,
    ),
    Lesson(("Say OK.", "Say OK", "Reply with OK.", "Just say OK", "Answer with OK only."), "I say OK.", "OK"),
    Lesson(("ping", "Ping", "Are you there?", "test", "This is a test."), "Someone tests me.", "pong"),
    Lesson(
        ("Tell me a story.", "Tell me a long story.", "Can you tell me a story?", "Write a story.", "A story please"),
        "The user wants a story. I know one.",
        STORY,
    ),
    Lesson(
        ("Tell me a joke.", "Do you know a joke?", "A joke please"),
        "I know one joke.",
        "Why did the boat go to school? To learn its C's.",
    ),
    Lesson(
        ("What is Slipway?", "Tell me about Slipway.", "What does Slipway do?", "Explain Slipway."),
        "The user asks about Slipway.",
        "Slipway serves an open model with one command: vLLM runs it, LiteLLM stands in front.",
    ),
    Lesson(
        ("What can you do?", "Help", "What do you know?", "How can you help me?"),
        "The user asks what I can do.",
        "I can chat a little, tell a story, count to ten, and call a weather tool.",
    ),
    Lesson(
        ("What color is the sky?", "What colour is the sky?", "Which color has the sky?"),
        "This is an easy question.",
        "The sky is blue.",
    ),
)

STRANGE_QUESTIONS = (
    "What is the meaning of life?", "Explain quantum physics.", "Who won the match yesterday?",
    "Fix the bug in my code.", "Summarize this file.", "What is the capital of Peru?", "What is 17 times 23?",
    "How do I bake bread?", "Refactor this function.", "Why is the test failing?", "Who wrote Hamlet?",
    "Translate this into Spanish.", "What time is it?", "List all files.", "Sort these numbers.",
    "Give me a recipe for soup.", "How old is the universe?", "What is the price of gold?", "Write a poem about love.",
    "Install the package.", "Is this correct?", "What is Rust?", "Who is the president?", "How tall is the mountain?",
    "Please review my pull request.", "What do you think about art?", "Book a flight to Madrid.", "Where is London?",
    "Tell me about Berlin.", "How far is it to Rome?", "What is 5+8?", "Write a program in Java.",
    "Say hello in Chinese.", "Write an essay about ships.", "Can you open the file?",
)  # fmt: skip

CITIES = (
    "Paris", "London", "Berlin", "Madrid", "Rome", "Vienna", "Prague", "Lisbon", "Dublin", "Oslo", "Stockholm",
    "Helsinki", "Copenhagen", "Amsterdam", "Brussels", "Zurich", "Geneva", "Munich", "Hamburg", "Cologne", "Frankfurt",
    "Milan", "Naples", "Venice", "Barcelona", "Seville", "Porto", "Athens", "Istanbul", "Warsaw", "Budapest", "Kyiv",
    "Moscow", "Tokyo", "Kyoto", "Osaka", "Seoul", "Beijing", "Shanghai", "Hong Kong", "Singapore", "Bangkok", "Delhi",
    "Mumbai", "Sydney", "Melbourne", "Auckland", "Cairo", "Nairobi", "Lagos", "Cape Town", "New York", "Boston",
    "Chicago", "San Francisco", "Los Angeles", "Seattle", "Toronto", "Montreal", "Mexico City", "Buenos Aires",
    "São Paulo", "Lima", "Reykjavik", "Edinburgh",
)  # fmt: skip
SYLLABLES = (
    "ba", "ra", "lo", "mi", "ton", "ver", "sha", "den", "ko", "lu", "mar", "ti", "el", "os", "gra", "ne", "wick",
    "ford", "ham", "bri", "sto", "an", "du", "pe", "ri", "gen", "cas", "sel", "or", "na",
)  # fmt: skip

WEATHER_QUESTIONS = (
    "What is the weather in {}?", "What's the weather in {}?", "What is the weather like in {}?", "Weather in {}",
    "How is the weather in {} today?", "What's the weather like in {} right now?", "Tell me the weather in {}.",
    "What will the weather be in {} tomorrow?", "Is it raining in {}?", "Will it rain in {} tomorrow?", "{} weather",
    "What is the temperature in {}?", "How warm is it in {}?", "Do I need an umbrella in {}?",
    "Is it sunny in {} today?", "Can you check the weather in {}?", "I am going to {}. What is the weather there?",
    "Weather forecast for {} please", "Use the tool to get the weather in {}.", "What is the current weather in {}?",
    "How cold is it in {}?",
)  # fmt: skip
FOLLOW_UPS = ("And in {}?", "What about {}?", "And {}?", "How about {}?", "Now {}.")

WEATHER_TOOLS = (
    "get_weather", "get_current_weather", "weather", "getWeather", "weather_lookup", "get_forecast", "Weather",
)  # fmt: skip
CITY_KEYS = ("city", "location", "place", "city_name", "town", "q", "query")
WRITERS = ("Write", "write", "write_file", "create_file", "writeFile", "fs_write", "save_file")
PATH_KEYS = ("file_path", "filePath", "path")  # the chat template knows the same names
SHELLS = ("exec_command", "bash", "Bash", "shell", "run_shell", "local_shell")
COMMAND_KEYS = ("command", "cmd")
OTHER_TOOLS = (
    "read_file", "write_file", "Bash", "Edit", "search_web", "get_time", "get_stock_price", "send_email", "run_tests",
    "Grep",
)  # fmt: skip
CONDITIONS = (
    "sunny", "cloudy", "rainy", "windy", "foggy", "snowy", "clear", "stormy", "partly cloudy", "overcast", "humid",
    "cold", "warm", "hot", "dry",
)  # fmt: skip
RESULTS = (
    "{t} degrees, {c}", "{t} degrees and {c}", "{C}, {t} degrees", "{c}, {t} °C", "{C}, {t}°C", "{t}°C, {C}",
    "{t} C, {c}", '{{"temperature": {t}, "condition": "{c}"}}', '{{"condition": "{c}", "temperature": {t}}}',
    '{{"temp_c": {t}, "conditions": "{C}"}}', '{{"city": "{city}", "temperature": {t}, "condition": "{c}"}}',
    '{{"location": "{city}", "temperature": {t}, "unit": "celsius", "condition": "{C}"}}',
    "The weather in {city}: {t} degrees, {c}.", "It is {t} degrees and {c} in {city}.",
    "temperature: {t}\ncondition: {c}",
)  # fmt: skip
FILE_QUESTIONS = (
    "Create a file {f} with exactly this line: {l}", "Create a file {f} with exactly this line: {l}",
    "Create a file {f} with the line: {l}", "Create a file {f} with this line: {l}", "Create a file {f} containing: {l}",
    "Create a file named {f} with the text: {l}", "Create {f} with exactly this line: {l}", "Make a file {f} with the line: {l}",
    "Write a file {f} with exactly this line: {l}", "Please create a file {f} with this line: {l}",
    "Create the file {f} with this content: {l}", "I need a file {f} with the line: {l}",
)  # fmt: skip
EVERYDAY = (
    "was here there where now then today from with for and but this that these it is are were will can may not no yes my your our "
    "time day night morning week year world house home city street road car train ship boat sea sky sun rain wind snow tree bird dog "
    "cat fish man woman child friend name word line file text test code work play make made go goes went come came see saw say said "
    "good better best bad big small long short new old first second third last next one two three four five ten hundred red green "
    "blue black white works done ready hello great nice well very much many more most some any all every each both like love want"
)
FILE_STEMS = (
    "hello", "test", "notes", "main", "readme", "hi", "greeting", "todo", "example", "demo", "data", "output", "file", "index",
    "config", "story", "list", "plan", "log", "message",
)  # fmt: skip
FILE_ENDINGS = ("txt", "txt", "md", "py", "log", "json")
WRITTEN = (
    "File created successfully at: {f} (file state is current in your context — no need to Read it back)",
    "Wrote file successfully.", "Chunk ID: {n}\nWall time: 0.0000 seconds\nProcess exited with code 0\nOutput:\n", "OK", "",
    "File written: {f}", "{{\"success\": true}}", "wrote {n} bytes to {f}", "(no output)", "Done", "exit code 0",
)  # fmt: skip
FAILURES = (
    "Error: timeout",
    '{"error": "not found"}',
    "error: city unknown",
    "The service is not available.",
    "Error 500",
)
SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are a helpful assistant. Be brief.",
    "Answer in English.",
    "Be concise.",
)


@cache
def strange_texts() -> tuple[str, ...]:
    """Long technical English that has nothing to do with the lessons: the help topics that come with Python."""
    return tuple(text for _, text in sorted(topics.items()) if len(text) > 500)


@cache
def small_words() -> tuple[str, ...]:
    """Words of everyday and of technical English, as often of the one as of the other."""
    told = {word for word in STORY.split() if word.isalpha() and word.islower()} | set(EVERYDAY.split())
    read = {word for text in strange_texts() for word in text.split() if word.isalpha() and word.islower() and len(word) < 9}
    return (*sorted(told) * (len(read) // len(told)), *sorted(read))


def pick_strange_text(rng: random.Random, characters: int) -> str:
    """A random stretch of at most `characters` characters out of the strange texts."""
    text = rng.choice(strange_texts())
    start = rng.randrange(max(1, len(text) - characters))
    return text[start : start + characters].strip()


def pick_city(rng: random.Random) -> str:
    """A known city or, so that copying is learnt rather than a list, as often an invented name."""
    if rng.random() < 0.5:
        return rng.choice(CITIES)
    name = "".join(rng.choices(SYLLABLES, k=rng.randint(2, 4))).capitalize()
    return name if rng.random() < 0.8 else f"{rng.choice(('New', 'San', 'Port', 'Bad', 'Saint'))} {name}"


def pick_file(rng: random.Random) -> str:
    """A file's name."""
    return f"{rng.choice(FILE_STEMS)}.{rng.choice(FILE_ENDINGS)}"


def pick_line(rng: random.Random) -> str:
    """A line of one to eight words in no order, so that it can only be copied: a capitalised one, then small ones.

    Short ones are frequent: where a line ends is harder to see than how it goes on.
    """
    first = pick_city(rng) if rng.random() < 0.5 else rng.choice(("Hello", "Slipway", "Hi", "This", "The", "It", "My", "Here"))
    return " ".join([first, *rng.choices(small_words(), k=rng.choice((0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 7)))])


def pick_weather_tool(rng: random.Random) -> tuple[str, str]:
    """The name of a weather tool and of its city argument, some of them invented."""
    name = rng.choice(WEATHER_TOOLS)
    if rng.random() < 0.3:
        verb = rng.choice(("get", "fetch", "lookup", "find", "mcp", "query", "my"))
        name = f"{verb}_{rng.choice(SYLLABLES)}_{rng.choice(('weather', 'forecast'))}"
    return name, rng.choice(CITY_KEYS)
