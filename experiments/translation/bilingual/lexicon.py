"""Lexicon: tables of English words with their French translations, one translation per word.

``entries.py`` parses the tables and derives regular forms; entries spell out irregular ones. ``_``
is a space within an entry.
"""

# english[/plural] french[/plural] gender
PERSON_NOUNS = """
man/men homme m; woman/women femme f; boy garçon m; girl fille f; child/children enfant m;
king roi m; queen reine f; doctor médecin m; teacher professeur m; baker boulanger m;
neighbour voisin m; farmer fermier m; singer chanteur m; nurse infirmière f; judge juge m;
sister sœur f; brother frère m; aunt tante f; uncle oncle m; daughter fille f;
son fils/fils m; mother mère f; father père m; grandmother grand-mère/grands-mères f;
grandfather grand-père/grands-pères m; friend ami m; student étudiant m; lawyer avocat m;
soldier soldat m; thief/thieves voleur m; witch sorcière f; princess princesse f; prince prince m;
hero/heroes héros/héros m; gardener jardinier m; painter peintre m; writer écrivain m;
tailor tailleur m; sailor marin m; hunter chasseur m; guard gardien m; dancer danseuse f;
actress actrice f; cook cuisinier m; cousin cousin m; twin jumeau/jumeaux m; guest invité m;
tourist touriste m; pilot pilote m; butcher boucher m; waitress serveuse f; engineer ingénieur m;
minister ministre m; mayor maire m; shepherd berger m; fisherman/fishermen pêcheur m;
"""
ANIMAL_NOUNS = """
cat chat m; dog chien m; horse cheval/chevaux m; cow vache f; bird oiseau/oiseaux m;
mouse/mice souris/souris f; rabbit lapin m; wolf/wolves loup m; fox renard m; bear ours/ours m;
hen poule f; duck canard m; goat chèvre f; pig cochon m; donkey âne m; snake serpent m;
spider araignée f; bee abeille f; ant fourmi f; owl hibou/hiboux m; lion lion m; monkey singe m;
elephant éléphant m; turtle tortue f; frog grenouille f; swan cygne m; squirrel écureuil m;
hedgehog hérisson m; whale baleine f; giraffe girafe f; crow corbeau/corbeaux m;
bat chauve-souris/chauves-souris f;
"""
FOOD_NOUNS = """
apple pomme f; pear poire f; cherry cerise f; orange orange f; cake gâteau/gâteaux m; egg œuf m;
potato/potatoes pomme_de_terre/pommes_de_terre f; onion oignon m; carrot carotte f;
cheese fromage m;
soup soupe f; bean haricot m; lobster homard m; pie tarte f; nut noix/noix f; sandwich sandwich m;
strawberry fraise f; lemon citron m; melon melon m; mushroom champignon m; biscuit biscuit m;
sausage saucisse f; pancake crêpe f; plum prune f; salad salade f; tomato/tomatoes tomate f;
omelette omelette f; apricot abricot m; fish/fish poisson m; chicken poulet m;
"""
ITEM_NOUNS = """
house maison f; car voiture f; book livre m; letter lettre f; table table f; chair chaise f;
key clé f; box boîte f; hat chapeau/chapeaux m; coat manteau/manteaux m; shirt chemise f;
shoe chaussure f; dress robe f; bag sac m; umbrella parapluie m; watch montre f; lamp lampe f;
clock horloge f; mirror miroir m; painting tableau/tableaux m; knife/knives couteau/couteaux m;
glass verre m; bottle bouteille f; cup tasse f; plate assiette f; bicycle vélo m;
boat bateau/bateaux m;
plane avion m; train train m; tree arbre m; flower fleur f; rose rose f;
newspaper journal/journaux m;
toy jouet m; ball balle f; doll poupée f; violin violon m; guitar guitare f; piano piano m;
computer ordinateur m; phone téléphone m; picture image f; map carte f; ring bague f;
necklace collier m; crown couronne f; sword épée f; axe hache f; ladder échelle f;
hammer marteau/marteaux m;
chest coffre m; candle bougie f; pencil crayon m; pen stylo m; notebook cahier m; stone pierre f;
"""
PLACE_NOUNS = """
garden jardin m; market marché m; school école f; church église f; station gare f; street rue f;
village village m; city ville f; forest forêt f; river rivière f; mountain montagne f;
beach plage f;
hospital hôpital/hôpitaux m; hotel hôtel m; restaurant restaurant m; library bibliothèque f;
museum musée m; castle château/châteaux m; bridge pont m; park parc m; kitchen cuisine f;
office bureau/bureaux m; theatre théâtre m; airport aéroport m; factory usine f; farm ferme f;
island île f; harbour port m; field champ m; square place f; bakery boulangerie f; stable écurie f;
cave grotte f; tower tour f; palace palais/palais m; lake lac m; shop magasin m; bank banque f;
"""
# name:gender
GIVEN_NAMES = """
marie:f; paul:m; anne:f; jacques:m; claire:f; henri:m; sophie:f; louis:m; hélène:f; olivier:m;
alice:f; antoine:m; julie:f; marc:m; élodie:f; éric:m; camille:f; thomas:m; emma:f; victor:m;
"""
# english french[:feminine[:before a vowel]]; + marks an adjective that precedes its noun
GENERAL_ADJECTIVES = """
big +grand; small +petit; beautiful +beau:belle:bel; old +vieux:vieille:vieil; pretty +joli;
good +bon:bonne; bad +mauvais; fat +gros:grosse; strange étrange; famous célèbre; heavy lourd;
light léger:légère; clean propre; dirty sale; wet mouillé; cold froid; ugly laid;
"""
COLOR_ADJECTIVES = """
black noir; white blanc:blanche; red rouge; green vert; blue bleu; yellow jaune; grey gris;
brown brun;
"""
BEING_ADJECTIVES = """
young +jeune; clever intelligent; brave courageux:courageuse; happy heureux:heureuse; sad triste;
tired fatigué; rich riche; poor pauvre; strong fort; weak faible; quiet calme;
lazy paresseux:paresseuse; curious curieux:curieuse; dangerous dangereux:dangereuse;
honest honnête; polite poli; fast rapide;
hungry affamé; kind gentil:gentille; cruel cruel:cruelle; slow lent; careful prudent; funny drôle;
serious sérieux:sérieuse; proud fier:fière; jealous jaloux:jalouse; clumsy maladroit;
"""
ITEM_ADJECTIVES = """
new +nouveau:nouvelle:nouvel; long +long:longue; expensive cher:chère; empty vide; round rond;
square carré; dry sec:sèche; broken cassé; modern moderne; useful utile; solid solide; hard dur;
"""
FOOD_ADJECTIVES = """
sweet sucré; bitter amer:amère; fresh frais:fraîche; warm chaud; hard dur; expensive cher:chère;
English anglais; French français; raw cru; delicious délicieux:délicieuse;
"""
# english[/past] french; * marks a verb whose past takes être
FOOD_VERBS = """
eat/ate manger; cook cuisiner; taste goûter; cut/cut couper; prepare préparer; order commander;
share partager; peel éplucher; buy/bought acheter; steal/stole voler; smell sentir;
"""
ITEM_VERBS = """
sell/sold vendre; find/found trouver; lose/lost perdre; hide/hid cacher; break/broke casser;
carry porter; clean nettoyer; paint peindre; want vouloir; repair réparer; use utiliser;
show/showed montrer; keep/kept garder; draw/drew dessiner; throw/threw jeter; wash laver;
touch toucher; admire admirer; choose/chose choisir; take/took prendre; open ouvrir; close fermer;
bring/brought apporter; burn brûler;
"""
BEING_VERBS = """
see/saw voir; love aimer; help aider; follow suivre; hate détester; know/knew connaître;
call appeler; watch regarder; hear/heard entendre; invite inviter; protect protéger;
kiss embrasser; hit/hit frapper; wake/woke réveiller; scare effrayer; chase poursuivre;
greet saluer; save sauver; push pousser; wait_for attendre; look_for chercher; thank remercier;
listen_to écouter; recognise reconnaître; fear craindre;
"""
INTRANSITIVE_VERBS = """
sleep/slept dormir; sing/sang chanter; dance danser; work travailler; run/ran courir; laugh rire;
cry pleurer; smile sourire; shout crier; jump sauter; swim/swam nager; speak/spoke parler;
lie/lied mentir; dream rêver; play jouer; arrive arriver*; fall/fell tomber*; leave/left partir*;
come_back/came_back revenir*;
"""
SPEECH_VERBS = """
say/said dire; think/thought penser; believe croire; hope espérer; repeat répéter;
forget/forgot oublier; claim prétendre; notice remarquer; explain expliquer;
"""
GIVING_VERBS = """
give/gave donner; send/sent envoyer; lend/lent prêter; offer offrir; promise promettre;
"""
GO_VERB = "go/went aller*"
BE_VERB = "be/was être"
HAVE_VERB = "have/had avoir"
# infinitive: je il nous vous ils | imperfect stem | future stem | participle
IRREGULAR_VERBS = """
vendre: vends vend vendons vendez vendent | vend | vendr | vendu
perdre: perds perd perdons perdez perdent | perd | perdr | perdu
entendre: entends entend entendons entendez entendent | entend | entendr | entendu
attendre: attends attend attendons attendez attendent | attend | attendr | attendu
prétendre: prétends prétend prétendons prétendez prétendent | prétend | prétendr | prétendu
peindre: peins peint peignons peignez peignent | peign | peindr | peint
craindre: crains craint craignons craignez craignent | craign | craindr | craint
prendre: prends prend prenons prenez prennent | pren | prendr | pris
ouvrir: ouvre ouvre ouvrons ouvrez ouvrent | ouvr | ouvrir | ouvert
offrir: offre offre offrons offrez offrent | offr | offrir | offert
sentir: sens sent sentons sentez sentent | sent | sentir | senti
mentir: mens ment mentons mentez mentent | ment | mentir | menti
dormir: dors dort dormons dormez dorment | dorm | dormir | dormi
partir: pars part partons partez partent | part | partir | parti
courir: cours court courons courez courent | cour | courr | couru
revenir: reviens revient revenons revenez reviennent | reven | reviendr | revenu
voir: vois voit voyons voyez voient | voy | verr | vu
croire: crois croit croyons croyez croient | croy | croir | cru
suivre: suis suit suivons suivez suivent | suiv | suivr | suivi
poursuivre: poursuis poursuit poursuivons poursuivez poursuivent | poursuiv | poursuivr | poursuivi
connaître: connais connaît connaissons connaissez connaissent | connaiss | connaîtr | connu
vouloir: veux veut voulons voulez veulent | voul | voudr | voulu
rire: ris rit rions riez rient | ri | rir | ri
sourire: souris sourit sourions souriez sourient | souri | sourir | souri
dire: dis dit disons dites disent | dis | dir | dit
promettre: promets promet promettons promettez promettent | promett | promettr | promis
aller: vais va allons allez vont | all | ir | allé
être: suis est sommes êtes sont | ét | ser | été
avoir: ai a avons avez ont | av | aur | eu
acheter: achète achète achetons achetez achètent | achet | achèter | acheté
jeter: jette jette jetons jetez jettent | jet | jetter | jeté
appeler: appelle appelle appelons appelez appellent | appel | appeller | appelé
envoyer: envoie envoie envoyons envoyez envoient | envoy | enverr | envoyé
nettoyer: nettoie nettoie nettoyons nettoyez nettoient | nettoy | nettoier | nettoyé
effrayer: effraie effraie effrayons effrayez effraient | effray | effraier | effrayé
espérer: espère espère espérons espérez espèrent | espér | espérer | espéré
répéter: répète répète répétons répétez répètent | répét | répéter | répété
protéger: protège protège protégeons protégez protègent | protége | protéger | protégé
"""
# english:french
PLACE_PREPOSITIONS = """
in:dans; near:près_de; behind:derrière; in_front_of:devant; next_to:à_côté_de; far_from:loin_de;
around:autour_de; opposite:en_face_de; at:à;
"""
OTHER_PREPOSITIONS = "with:avec; without:sans; for:pour; because_of:à_cause_de; thanks_to:grâce_à"
TIME_EXPRESSIONS = """
today:aujourd'hui; in_the_morning:le_matin; in_the_evening:le_soir; at_night:la_nuit;
on_Sunday:le_dimanche; every_day:tous_les_jours; often:souvent; in_summer:en_été;
in_winter:en_hiver; at_noon:à_midi; in_spring:au_printemps; sometimes:parfois;
"""
# No vowel is elided before an aspirated h, nor before "onze".
NO_ELISION = {"héros", "hibou", "hiboux", "haricot", "haricots", "homard", "homards", "hérisson"}
NO_ELISION |= {"hérissons", "hache", "haches", "huit", "onze"}
