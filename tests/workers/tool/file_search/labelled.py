"""A small labelled set for the quality of retrieval: texts, and questions of which each has one right text.

`PARAPHRASES` ask in other words than the texts use; `KEYWORDS` name a rare word, a code or a quotation.
"""

TEXTS = {
    "bread": (
        "Knead the dough for ten minutes, let it rise in a warm place until it has doubled, and "
        "bake the loaf in a hot oven until the crust sounds hollow when tapped."
    ),
    "soup": (
        "Fry the onions in butter until they are brown, add stock and white wine, simmer for half"
        " an hour and serve with toasted cheese on top."
    ),
    "coffee": (
        "Grind the beans just before brewing. Water a little below boiling draws out the flavour "
        "without making the cup bitter."
    ),
    "tyre": (
        "To mend a puncture, take the wheel off the bicycle, find the hole in the inner tube "
        "under water, roughen the rubber and press a patch on the glue."
    ),
    "engine": (
        "If the car does not start and the lights are dim, the battery is flat: connect jump "
        "leads to another vehicle, the red clamp first."
    ),
    "sail": (
        "When the wind comes from ahead, a boat must tack: it zigzags, turning its bow through "
        "the wind and moving the sails from one side to the other."
    ),
    "volcano": (
        "Molten rock gathers in a chamber below the mountain. When the pressure of the gases "
        "grows too large, it breaks through and lava flows down the slopes."
    ),
    "tides": (
        "The gravity of the moon pulls the sea towards it, so that along most coasts the water "
        "rises and falls twice a day."
    ),
    "eclipse": (
        "When the moon passes exactly between us and the sun, its shadow crosses the earth and "
        "for a few minutes the day turns dark."
    ),
    "bees": (
        "A worker that has found blossoms dances on the comb, and the direction of its dance "
        "tells the hive where nectar is to be gathered."
    ),
    "cats": (
        "Kittens open their eyes after about ten days. They are weaned at two months and should "
        "not leave their mother before."
    ),
    "whales": (
        "These mammals of the ocean come to the surface to breathe, feed on tiny crustaceans, and"
        " sing to each other over hundreds of miles."
    ),
    "oak": (
        "The tree grows slowly, bears acorns only after some forty years, and its timber was used"
        " for ships and barrels."
    ),
    "roses": (
        "Cut the shrubs back in early spring, just above a bud that faces outwards, and take away"
        " what is dead or frozen."
    ),
    "compost": (
        "Kitchen peelings, leaves and grass rot in a heap within a year if it is kept damp and "
        "turned now and then; the earth that comes of it feeds the beds."
    ),
    "fever": (
        "A raised body temperature helps to fight an infection. Drink plenty, rest, and see a "
        "doctor when it lasts more than three days."
    ),
    "teeth": (
        "Brush twice a day with a paste that contains fluoride, and clean between the teeth with "
        "floss, or sugar and bacteria will decay the enamel."
    ),
    "sleep": (
        "Who goes to bed at the same hour, leaves the telephone outside of the bedroom and drinks"
        " no alcohol at night wakes up better rested."
    ),
    "vaccine": (
        "An injection of weakened germs teaches the immune system to recognise a disease before "
        "it is met in earnest."
    ),
    "mortgage": (
        "The bank lends money to buy a house and keeps a claim on the property until the loan and"
        " its interest are paid back."
    ),
    "taxes": (
        "Self-employed people send their return to the revenue office once a year and may deduct "
        "what they spent on tools and travel."
    ),
    "shares": (
        "Who buys stock owns a small part of a company, gets a dividend in good years, and can "
        "lose all of it when the firm goes bankrupt."
    ),
    "court": (
        "The jury listens to the witnesses of both sides, withdraws to discuss, and returns a "
        "verdict of guilty or not guilty."
    ),
    "election": (
        "Voters mark a ballot in secret; the papers are counted in public the same evening, and "
        "the party with the most seats forms the government."
    ),
    "printing": (
        "Movable letters of metal, set in a frame and covered with ink, made books cheap in the "
        "fifteenth century."
    ),
    "railway": (
        "Steam locomotives on iron rails carried coal from the mines to the harbour long before "
        "they carried passengers."
    ),
    "pyramid": (
        "Thousands of workers dragged limestone blocks up ramps to build the tomb of a pharaoh at"
        " the edge of the desert by the Nile."
    ),
    "piano": (
        "Pressing a key throws a felt hammer against the strings; the pedal lifts the dampers, so"
        " that the notes go on sounding."
    ),
    "painting": (
        "The artist mixed pigments with linseed oil, laid thin transparent layers over each "
        "other, and let each one dry for weeks."
    ),
    "football": (
        "A player is offside who is nearer to the goal than the ball and the second-last defender"
        " when the pass is made."
    ),
    "chess": (
        "In castling the king moves two squares towards a rook, which jumps over him; neither of "
        "them may have moved before."
    ),
    "swimming": (
        "In the crawl the arms pull in turn, the legs kick from the hip, and the face turns to "
        "the side to take air."
    ),
    "password": (
        "Use a long phrase of several words for each account, keep it in a manager, and turn on "
        "the second factor, so that a stolen secret alone opens nothing."
    ),
    "backup": (
        "Keep three copies of your files on two kinds of media, one of them in another building, "
        "and try now and then whether they can be restored."
    ),
    "router": (
        "When the wireless connection drops in the far rooms, move the access point to the middle"
        " of the flat, or choose a channel that the neighbours do not use."
    ),
    "database": (
        "An index lets the server find rows without reading the whole table, at the price of "
        "slower writes and more space on the disk."
    ),
    "glacier": (
        "Snow that does not melt in summer is pressed to ice, which creeps down the valley and "
        "grinds the rock below it."
    ),
    "desert": (
        "By day the sand is hot enough to burn the feet, at night it freezes; plants store what "
        "little rain there is in thick stems."
    ),
    "invoice": (
        "Invoice RE-2026-0417 of the carpenter Hollunder over the oak stairs is due on the second"
        " of May; a discount of two per cent is given within a week."
    ),
    "warranty": (
        "Pump model KX-550 has a guarantee of five years; send the part to the workshop with the "
        "serial number that is engraved below the valve."
    ),
    "error": (
        "Error E1047 on the display means that the door of the washing machine is not locked: "
        "press it until the latch clicks."
    ),
    "minutes": (
        "The board met on Tuesday. Mrs Okonkwo reported on the budget, Mr Lindqvist on the new "
        "depot, and the motion on parking was put off."
    ),
    "poem": (
        "The schoolbook prints the ballad of the ferryman, which begins with the line: the river "
        "keeps what the river is given."
    ),
    "recipe_jp": ("味噌汁の作り方：昆布と鰹節で出汁を取り、豆腐とわかめを入れて、最後に味噌を溶かします。"),  # noqa: RUF001  as it is written
    "train_jp": ("新幹線の切符は駅の窓口か券売機で買えます。指定席は早めの予約が必要です。"),
}

PARAPHRASES = {
    "How do I make my own sourdough at home?": "bread",
    "Something warm to eat with fried vegetables in broth": "soup",
    "Why does my espresso taste so harsh?": "coffee",
    "My bike has a flat, how do I repair it?": "tyre",
    "The automobile won't turn over in the morning": "engine",
    "How can a yacht travel against the breeze?": "sail",
    "What makes a mountain erupt?": "volcano",
    "Why is the beach under water at some hours and dry at others?": "tides",
    "Why did it suddenly become night at noon?": "eclipse",
    "How do insects show each other the way to flowers?": "bees",
    "At what age can I take a baby feline home?": "cats",
    "Giant sea animals that communicate by song": "whales",
    "Which wood did they build vessels from?": "oak",
    "When should I prune garden flowers?": "roses",
    "Turning garden waste into fertiliser": "compost",
    "I feel hot and ill, should I go to hospital?": "fever",
    "How to avoid cavities and the dentist": "teeth",
    "Tips against insomnia": "sleep",
    "How does immunisation protect against illness?": "vaccine",
    "Borrowing from a lender for a home": "mortgage",
    "What may a freelancer write off with the fiscal authorities?": "taxes",
    "Investing on the exchange and its risks": "shares",
    "Who decides in a criminal trial whether the accused did it?": "court",
    "How are members of parliament chosen?": "election",
    "The invention that spread literature in Gutenberg's age": "printing",
    "The first trains and what they transported": "railway",
    "How did the ancient Egyptians construct their monuments?": "pyramid",
    "How does a keyboard instrument produce its tone?": "piano",
    "Techniques of the old masters on canvas": "painting",
    "Rules of soccer about attackers behind the defence": "football",
    "A special move with the monarch in a board game": "chess",
    "Freestyle technique in the pool and breathing": "swimming",
    "How do I protect my login from hackers?": "password",
    "What to do so that I never lose my photos when the hard drive breaks": "backup",
    "Bad wifi signal in my apartment": "router",
    "Speeding up slow SQL queries": "database",
    "How does frozen water shape the landscape of the Alps?": "glacier",
    "How do cactuses survive drought in the Sahara?": "desert",
}

KEYWORDS = {
    "RE-2026-0417": "invoice",
    "carpenter Hollunder": "invoice",
    "KX-550": "warranty",
    "What does E1047 mean?": "error",
    "Okonkwo": "minutes",
    "Lindqvist depot": "minutes",
    '"the river keeps what the river is given"': "poem",
    "ballad of the ferryman": "poem",
    "linseed": "painting",
    "offside": "football",
    "castling": "chess",
    "nectar": "bees",
    "味噌汁": "recipe_jp",
    "新幹線の切符": "train_jp",
}
