"""Data that a first run creates: the topics on offer, and three demonstration readers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.text import slugify

from subscriptions import consent
from subscriptions.models import WEEKDAYS_ALL, Preference, Subscriber, Topic

# group -> (name, arXiv categories or archives, keywords)
TOPICS: dict[str, list[tuple[str, list[str], list[str]]]] = {
    "Computing and learning": [
        ("Machine learning", ["cs.LG", "stat.ML", "cs.NE"], []),
        ("Language", ["cs.CL"], ["large language model", "language model", "machine translation"]),
        ("Vision", ["cs.CV", "eess.IV"], ["image generation", "object detection"]),
        ("Speech and sound", ["cs.SD", "eess.AS"], ["speech recognition", "speech synthesis"]),
        ("Reinforcement learning", [], ["reinforcement learning", "policy gradient", "offline rl", "bandit"]),
        ("Agents and planning", ["cs.AI", "cs.MA"], ["autonomous agent", "tool use", "multi-agent"]),
        ("Graphs and networks", ["cs.SI"], ["graph neural network", "knowledge graph", "community detection"]),
        ("Search and recommendation", ["cs.IR"], ["recommender system", "dense retrieval"]),
        ("Safety and fairness", ["cs.CY"], ["alignment", "interpretability", "fairness", "privacy"]),
        ("Robotics", ["cs.RO"], ["robot", "manipulation", "grasping"]),
        ("People and computers", ["cs.HC"], ["user study", "visualization", "accessibility"]),
    ],
    "Systems and theory": [
        ("Systems", ["cs.DC", "cs.OS", "cs.AR", "cs.PF"], ["distributed system", "scheduling"]),
        ("Databases", ["cs.DB"], ["query optimization", "data lake"]),
        ("Networks", ["cs.NI"], ["congestion control", "wireless"]),
        ("Security", ["cs.CR"], ["malware", "side channel", "zero-knowledge"]),
        ("Software and languages", ["cs.SE", "cs.PL"], ["program synthesis", "static analysis", "type system"]),
        ("Algorithms and complexity", ["cs.DS", "cs.CC", "cs.CG", "cs.DM"], ["approximation algorithm"]),
        ("Logic and verification", ["cs.LO", "cs.FL", "math.LO"], ["theorem prover", "model checking"]),
        ("Games and mechanisms", ["cs.GT", "econ.TH"], ["mechanism design", "auction", "nash equilibrium"]),
        ("Signals and information", ["eess.SP", "cs.IT", "math.IT"], ["channel coding", "compressed sensing"]),
        ("Control", ["eess.SY", "cs.SY", "math.OC"], ["model predictive control", "optimal control"]),
    ],
    "Mathematics and statistics": [
        ("Algebra and geometry", ["math.AG", "math.RT", "math.RA", "math.AC", "math.DG", "math.AT", "math.GT"], []),
        ("Number theory", ["math.NT"], ["prime", "elliptic curve", "modular form"]),
        ("Combinatorics", ["math.CO"], ["graph coloring", "extremal"]),
        ("Analysis and equations", ["math.AP", "math.CA", "math.FA", "math.DS", "math.SP"], ["partial differential"]),
        ("Probability", ["math.PR"], ["random walk", "percolation", "random matrix"]),
        ("Numerical methods", ["math.NA", "cs.NA"], ["finite element", "preconditioner"]),
        ("Statistics", ["stat.ME", "stat.TH", "math.ST", "stat.AP", "stat.CO"], ["causal inference", "bayesian"]),
    ],
    "Physics and astronomy": [
        ("High-energy physics", ["hep-th", "hep-ph", "hep-ex", "hep-lat"], ["collider", "string theory"]),
        ("Quantum science", ["quant-ph"], ["qubit", "entanglement", "quantum error correction"]),
        ("Condensed matter", ["cond-mat"], ["superconductivity", "topological insulator"]),
        ("Gravity and cosmology", ["gr-qc", "astro-ph.CO"], ["black hole", "gravitational wave", "dark matter"]),
        ("Stars and planets", ["astro-ph.SR", "astro-ph.EP"], ["exoplanet", "transit"]),
        ("Galaxies and instruments", ["astro-ph.GA", "astro-ph.HE", "astro-ph.IM"], ["galaxy", "telescope"]),
        ("Fluids, light and matter", ["physics"], ["turbulence", "photonics", "plasma"]),
    ],
    "Life, economy, society": [
        ("Neuroscience", ["q-bio.NC"], ["neuron", "cortex", "hippocampus", "spiking"]),
        ("Quantitative biology", ["q-bio"], ["protein", "genomics", "single-cell", "microbiome"]),
        ("Medicine and health", [], ["clinical", "patient", "epidemic", "medical imaging"]),
        ("Climate and earth", ["physics.ao-ph", "physics.geo-ph"], ["climate", "precipitation", "earthquake"]),
        ("Economics", ["econ"], ["labor market", "monetary policy", "causal effect"]),
        ("Finance", ["q-fin"], ["portfolio", "option pricing", "volatility"]),
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """A demonstration reader and their preferences."""

    name: str
    zone: str
    topics: tuple[str, ...]
    keywords: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    max_papers: int = 10
    hype: int = 50


DEMONSTRATION = [
    Taste(
        name="mira.language",
        zone="Europe/Berlin",
        topics=("Machine learning", "Language"),
        keywords=("evaluation", "small language model"),
    ),
    Taste(
        name="theo.starlight",
        zone="America/New_York",
        topics=("Galaxies and instruments", "Gravity and cosmology", "Stars and planets"),
        categories=("quant-ph",),
        max_papers=8,
        hype=20,
    ),
    Taste(
        name="aiko.living",
        zone="Asia/Tokyo",
        topics=("Neuroscience", "Statistics"),
        keywords=("robot",),
        authors=("Ingrid Solheim-Vargas",),
        max_papers=6,
    ),
]


def seed_topics() -> int:
    """Create the topics above if there are none; a curator's own topics are never changed."""
    if Topic.objects.exists():
        return 0
    rows = [
        Topic(slug=slugify(name), name=name, group=group, categories=categories, keywords=keywords, position=position)
        for position, (group, name, categories, keywords) in enumerate(
            (group, *topic) for group, topics in TOPICS.items() for topic in topics
        )
    ]
    return len(Topic.objects.bulk_create(rows))


def seed_demo_subscribers(now: datetime) -> int:
    """Create three readers with different preferences if there is no reader."""
    if Subscriber.objects.exists():
        return 0
    topics = {topic.name: topic for topic in Topic.objects.all()}
    for taste in DEMONSTRATION:
        reader, _ = consent.create_demo_subscriber(
            f"{taste.name}@readers.invalid",
            now=now,
            zone=taste.zone,
            weekdays=WEEKDAYS_ALL,
            max_papers=taste.max_papers,
            hype=taste.hype,
        )
        values = {"keyword": taste.keywords, "category": taste.categories, "author": taste.authors}
        Preference.objects.bulk_create(
            [Preference(subscriber=reader, kind="topic", topic=topics[name]) for name in taste.topics if name in topics]
            + [Preference(subscriber=reader, kind=kind, value=value) for kind in values for value in values[kind]]
        )
    return len(DEMONSTRATION)
